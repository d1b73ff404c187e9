"""A Kibana over HTTP: its saved objects imported and read, its refusals in words."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import msgspec

from dms_events.errors import ConfigError, DmsEventsError, ExtraNotInstalledError
from dms_events_elasticsearch.connection.credentials import Credentials, Secret
from dms_events_elasticsearch.connection.tls import Tls

from .answers import Answer, KibanaError, NotReadyError, refusal

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Kibana"]

Json = dict[str, Any]

_SPACE: Final = re.compile(r"[a-z0-9_-]+")
_MOST_BYTES: Final = 32 * 1024 * 1024
_POLL_S: Final = 1.0


class _Overall(msgspec.Struct, frozen=True):
    level: str = "available"


class _Level(msgspec.Struct, frozen=True):
    overall: _Overall = _Overall()


class _Version(msgspec.Struct, frozen=True):
    number: str = ""


class _Status(msgspec.Struct, frozen=True):
    """An answer of ``/api/status``; to strangers Kibana tells less."""

    status: _Level = _Level()
    version: _Version = _Version()


class Kibana:
    """One space of a Kibana, and an async context manager that opens and closes the connection.

    Args:
        url: ``http://host:5601`` or ``https://…``, with the base path if there is one.
        space: id of the space; the default space if empty.
        api_key: an encoded API key of Elasticsearch.
        basic_auth: user and password, or the file that holds it; either these or the key, or
            neither.
        ca_certs: file of the CA that signed the server's certificate, if the system does not know it.
        timeout_s: limit of each request.

    Raises:
        ConfigError: an argument is wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        space: str = "",
        api_key: str = "",
        basic_auth: tuple[str, Secret] | None = None,
        ca_certs: str | Path | None = None,
        timeout_s: float = 60.0,
    ) -> None:
        _check_url(url)
        if space and not _SPACE.fullmatch(space):
            raise ConfigError("space", "its id has lower-case letters, digits, '-' and '_' only")
        credentials = Credentials(api_key=api_key or None, basic_auth=basic_auth)
        tls = Tls(ca_certs=ca_certs)
        tls.check(url)
        self.url = url.rstrip("/") + (f"/s/{space}" if space else "")
        self.space = space
        self._headers = {"kbn-xsrf": "dms-events", **credentials.header()}
        self._tls = tls.context() if url.startswith("https:") else True
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        try:
            import aiohttp
        except ImportError as error:
            raise ExtraNotInstalledError("elasticsearch", "talking to a Kibana") from error
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=self._timeout_s),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def ready(self, wait_s: float = 0.0) -> str:
        """Return Kibana's version; empty if it tells strangers none.

        Args:
            wait_s: how long to ask again while Kibana starts or nobody listens.

        Raises:
            KibanaError: what answers is no Kibana, or Kibana is not ready in time.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while True:
            try:
                return self._version_in(await self._ask("GET", "/api/status"))
            except NotReadyError:
                if loop.time() + _POLL_S > until:
                    raise
            await asyncio.sleep(_POLL_S)

    async def import_objects(self, ndjson: bytes) -> None:
        """Import saved objects, in place of those of the same ids.

        Raises:
            KibanaError: Kibana refuses the file or an object of it, and why.
        """
        import aiohttp

        form = aiohttp.FormData()
        form.add_field(
            "file", ndjson, filename="dms-events.ndjson", content_type="application/ndjson"
        )
        answer = await self._ask("POST", "/api/saved_objects/_import?overwrite=true", data=form)
        answer.check_import()

    async def saved_objects(self, wanted: list[tuple[str, str]]) -> list[Json]:
        """Return the saved objects of these types and ids that are there.

        Raises:
            KibanaError: Kibana does not show them.
        """
        body = {
            "objects": [{"type": type_, "id": id_} for type_, id_ in wanted],
            "excludeExportDetails": True,
        }
        answer = await self._ask("POST", "/api/saved_objects/_export", json=body)
        if missing := answer.missing_objects():
            there = [one for one in wanted if one not in missing]
            return await self.saved_objects(there) if there and len(there) < len(wanted) else []
        return answer.lines()

    async def _ask(self, method: str, path: str, **body: Any) -> Answer:
        """Return an answer of Kibana; a refusal is an error, but for missing objects."""
        assert self._session is not None, "the Kibana is not open"
        async with (
            self._translated(),
            self._session.request(
                method, self.url + path, ssl=self._tls, allow_redirects=False, **body
            ) as response,
        ):
            text = bytearray()
            async for chunk in response.content.iter_chunked(65536):
                text += chunk
                if len(text) > _MOST_BYTES:
                    raise KibanaError(f"{self.url} answers more than {_MOST_BYTES} bytes")
        answer = Answer(self.url, response.status, response.headers, bytes(text))
        if not answer.missing_objects() and (error := refusal(answer, self.space)):
            raise error
        return answer

    def _version_in(self, answer: Answer) -> str:
        try:
            status = msgspec.convert(answer.json(), _Status)
        except msgspec.ValidationError as error:
            raise answer.stranger() from error
        level = status.status.overall.level
        if level not in {"available", "degraded"}:
            raise NotReadyError(f"the Kibana at {self.url} is not ready: it is {level}")
        return status.version.number

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        """Raise the errors of the connection as ours, with the cause and its cure."""
        import aiohttp

        try:
            yield
        except DmsEventsError:
            raise
        except aiohttp.ClientConnectorCertificateError as error:
            reason = (
                f"the certificate of {self.url} is not trusted: name its CA's file (--ca-certs)"
            )
            raise KibanaError(f"{reason}: {error.certificate_error}") from error
        except aiohttp.ClientConnectorDNSError as error:
            raise NotReadyError(f"the host of {self.url} is unknown: {error.os_error}") from error
        except aiohttp.ClientSSLError as error:
            raise KibanaError(f"{self.url} does not speak TLS: write http://?: {error}") from error
        except aiohttp.ClientConnectorError as error:
            raise NotReadyError(f"cannot connect to {self.url}: {error.os_error}") from error
        except TimeoutError as error:
            raise NotReadyError(f"{self.url} did not answer in {self._timeout_s:g} s") from error
        except aiohttp.ClientError as error:
            raise NotReadyError(f"the connection to {self.url} broke: {error}") from error


def _check_url(url: str) -> None:
    parts, complete = urlsplit(url), False
    with suppress(ValueError):  # not handled here: it shows the rest of a password as a port
        (parts.hostname or "").encode("idna")  # as the resolver does
        complete = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    if "@" in url:
        raise ConfigError("url", "user and password are given apart from it")
    if not complete or parts.query or parts.fragment:
        raise ConfigError("url", "write http://host:5601 or https://host:5601")
