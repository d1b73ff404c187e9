"""What answers at a host: an Elasticsearch that the client can talk to, or something else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any, Final

import msgspec

from dms_events.errors import ConfigError
from dms_events.text import visible

from ..faults import Obstacle, describe

__all__ = ["Server", "failure", "server_in"]

_OLDEST: Final = (8, 19)
_TITLE: Final = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_PRODUCT: Final = "x-elastic-product"
_MOST_READ: Final = 2000
_MOST_SHOWN: Final = 80


class Server(msgspec.Struct, frozen=True):
    """An Elasticsearch."""

    number: str
    flavor: str = "default"

    @property
    def serverless(self) -> bool:
        """True on Elasticsearch Serverless, whose number says nothing."""
        return self.flavor == "serverless"


def server_in(body: object, headers: Mapping[str, str], client_number: str) -> Server:
    """Return the server that a successful answer to ``GET /`` describes.

    Args:
        body: decoded, or text that is no JSON.
        headers: of the answer, with names in lower case.
        client_number: version of the Elasticsearch client.

    Raises:
        ConfigError: the client cannot talk to this server.
        Obstacle: what answers is no Elasticsearch.
    """
    version = body.get("version") if isinstance(body, dict) else None
    if not isinstance(version, dict) or not isinstance(number := version.get("number"), str):
        raise Obstacle(f"what answers is not Elasticsearch: {_shown(body)}")
    number = visible(number[:_MOST_SHOWN])
    if version.get("distribution") == "opensearch":
        raise ConfigError(
            "url", f"OpenSearch {number} answers; this sink writes to Elasticsearch 8.19 or newer"
        )
    if headers.get(_PRODUCT) != "Elasticsearch":
        raise Obstacle(f"what answers says that it is version {number}, but not Elasticsearch")
    server = Server(number, str(version.get("build_flavor", "default")))
    if not server.serverless:
        _check_versions(number, client_number)
    return server


def _check_versions(server: str, client: str) -> None:
    if not (found := re.match(r"(\d+)\.(\d+)", server)):
        raise Obstacle(f"the server says no version, but {server!r}")
    major, minor = int(found[1]), int(found[2])
    if (major, minor) < _OLDEST:
        raise ConfigError(
            "url", f"Elasticsearch {server} is too old: upgrade the server to 8.19 or newer"
        )
    if int(client.partition(".")[0]) > major:
        raise ConfigError(
            "url",
            f"the Elasticsearch client {client} cannot talk to Elasticsearch {server}: "
            f"pip install 'elasticsearch[async]>={major}.19,<{major + 1}'",
        )


def failure(status: int, body: object) -> str:
    """Return an answer with an error status in words."""
    if isinstance(body, dict) and (said := describe(body.get("error"))):
        return f"{status} {said}"
    if not body:
        return f"{status}, without a word"
    return f"{status} by something before Elasticsearch, such as a proxy: {_shown(body)}"


def _shown(body: object) -> str:
    """Return the title of a page, or the beginning of another answer."""
    if not isinstance(body, str):
        return visible(msgspec.json.encode(body).decode()[:_MOST_SHOWN])
    body = body[:_MOST_READ]
    title: Any = _TITLE.search(body)
    text = f"the page {unescape(title[1]).strip()!r}" if title else body.strip() or "nothing"
    return visible(" ".join(text.split())[:_MOST_SHOWN])
