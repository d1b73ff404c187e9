"""Elasticsearch's client: made from a URL, its version checked, its exceptions mapped to ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from dms_events.errors import ConfigError, ExtraNotInstalledError, SinkError

from .judge import NOT_NOW, Obstacle, Refused, describe

if TYPE_CHECKING:
    from elasticsearch import ApiError, AsyncElasticsearch

__all__ = ["check_version", "make_client", "need_client", "read_url", "translated"]

_MAJOR = 9
_TOO_OLD = "the server is older than Elasticsearch 9, whose client this is: upgrade the server"


def need_client() -> None:
    """Raise ExtraNotInstalledError where the extra is missing."""
    try:
        import aiohttp  # noqa: F401
        import elasticsearch  # noqa: F401
    except ImportError as error:
        raise ExtraNotInstalledError("elasticsearch", "the Elasticsearch sink") from error


def read_url(url: str) -> tuple[str, tuple[str, str] | None]:
    """Return the URL without user and password, and the two as a pair. No ConfigError shows them."""
    split: tuple[SplitResult, int | None] | None = None
    with suppress(ValueError):
        split = (parts := urlsplit(url)), parts.port
    if split is None:
        # Not raised where the ValueError is handled, which shows a password with a slash as the port.
        raise ConfigError("url", "its port is not a number below 65536")
    parts, port = split
    if parts.scheme not in {"http", "https"} or not parts.hostname or port is None:
        raise ConfigError("url", "write http://host:port or https://host:port, with the port")
    if "@" in parts.path:
        raise ConfigError("url", "write '/' as %2F in user and password")
    if parts.query or parts.fragment:
        raise ConfigError("url", "options are given as arguments, not after '?' or '#'")
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    if parts.username is None:
        return place, None
    return place, (unquote(parts.username), unquote(parts.password or ""))


def make_client(place: str, options: Mapping[str, Any]) -> AsyncElasticsearch:
    """Return a client that sends each request once: the caller decides whether to try again."""
    from elasticsearch import AsyncElasticsearch

    try:
        return AsyncElasticsearch(
            place, max_retries=0, retry_on_timeout=False, retry_on_status=(), **options
        )
    except (OSError, ValueError) as error:
        raise ConfigError("options", str(error)) from error


async def check_version(client: AsyncElasticsearch) -> None:
    """Raise ConfigError for a server that this client cannot talk to."""
    try:
        with translated("connecting"):
            info = await client.info()
        major = int(info["version"]["number"].partition(".")[0])
    except (KeyError, TypeError, ValueError) as error:
        raise SinkError("connecting: the server does not say its version") from error
    except SinkError as error:
        # A server 8 gives this answer to every request of a client 9.
        if "media_type_header_exception" in str(error):
            raise ConfigError("url", _TOO_OLD) from error
        raise
    if major < _MAJOR:
        raise ConfigError("url", _TOO_OLD)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Translate the errors of the client into SinkErrors. Each call of the client stands in it."""
    from elastic_transport import SerializationError, TransportError
    from elasticsearch import ApiError, UnsupportedProductError

    try:
        yield
    except UnsupportedProductError as error:
        raise SinkError(f"{doing}: what answers is not Elasticsearch") from error
    except ApiError as error:
        raise _translate(doing, error) from error
    except SerializationError as error:
        raise SinkError(f"{doing}: Elasticsearch's answer cannot be read") from error
    except TransportError as error:
        raise Obstacle(f"{doing}: {error.message}") from error  # as text it leaves out the cause


def _translate(doing: str, error: ApiError) -> SinkError:
    body = error.body if isinstance(error.body, dict) else {}
    said = describe(body.get("error"))
    reason = f"{doing}: {error.status_code} {said or error.message}"
    if error.status_code == 413 or said.startswith("action_request_validation_exception"):
        return Refused(reason)
    if error.status_code in NOT_NOW or error.status_code >= 500:
        return Obstacle(reason)
    return SinkError(reason)
