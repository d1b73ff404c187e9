"""Ask a host what it is, before anything is sent to it, and say why it cannot be used."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Final

import aiohttp
import msgspec

from dms_events.errors import ConfigError
from dms_events.text import visible

from ..faults import Obstacle
from .answer import Server, failure, server_in
from .credentials import Credentials
from .reasons import reason_of
from .tls import Tls, speaks_tls

__all__ = ["ask"]

_MOST_S: Final = 10.0
"""A host that does not answer must not keep the others waiting for longer."""
_LOOK_S: Final = 2.0
"""For a look that only makes an error clearer."""
_MOST_BYTES: Final = 1 << 16
_MOST_SHOWN: Final = 200
_LOGIN_CURES: Final = {
    "": "give an API key, a token, or user and password",
    "api_key": "check the API key",
    "bearer_auth": "check the token",
    "basic_auth": "check user and password",
    "url": "check user and password",
}


async def ask(
    host: str, tls: Tls, credentials: Credentials, timeout_s: float, client_number: str
) -> tuple[Server, ssl.SSLContext | None]:
    """Return the server at a host, and the TLS context for it.

    Raises:
        ConfigError: it can be used only after a setting or the server was changed.
        Obstacle: it cannot be used now.
    """
    timeout_s = min(timeout_s, _MOST_S)
    try:
        context = await _context(host, tls, timeout_s)
        status, headers, body = await _get(host, context, credentials, timeout_s)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise await _unreached(host, tls, error, timeout_s) from error
    if 300 <= status < 400:
        there = visible(headers.get("location", "another place")[:_MOST_SHOWN])
        raise ConfigError("url", f"{host} answers {status}, a redirect to {there}: give that URL")
    if status in {401, 403}:
        cure = _LOGIN_CURES[credentials.way]
        if status == 403:
            cure = "the account needs the cluster privilege `monitor`"
        raise ConfigError(credentials.way or "url", f"{host}: {failure(status, body)}; {cure}")
    if status == 200:
        try:
            return server_in(body, headers, client_number), context
        except Obstacle as obstacle:
            raise Obstacle(f"{host}: {obstacle}") from obstacle
    if status == 400 and await _wants_tls(host):
        raise _write_https(host)
    raise Obstacle(f"{host}: {failure(status, body)}")


async def _context(host: str, tls: Tls, timeout_s: float) -> ssl.SSLContext | None:
    if not host.startswith("https:"):
        return None
    return await tls.pinned(host, timeout_s) if tls.ca_fingerprint else tls.context()


async def _get(
    host: str, context: ssl.SSLContext | None, credentials: Credentials, timeout_s: float
) -> tuple[int, Mapping[str, str], object]:
    connector = aiohttp.TCPConnector(ssl=context or False)
    # In this form every server says what it is. The client's own form is refused by an older one.
    asked = {"accept": "application/json", **credentials.header()}
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
        session.get(f"{host}/", headers=asked, allow_redirects=False) as response,
    ):
        content = b""
        async for chunk in response.content.iter_chunked(_MOST_BYTES):
            content += chunk
            if len(content) > _MOST_BYTES:
                break
        headers = {name.lower(): value for name, value in response.headers.items()}
        return response.status, headers, _decoded(content)


def _decoded(content: bytes) -> object:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return content.decode("utf-8", "replace")


async def _unreached(
    host: str, tls: Tls, error: BaseException, timeout_s: float
) -> ConfigError | Obstacle:
    reason = reason_of(error, timeout_s)
    if not isinstance(error, aiohttp.ClientConnectorError | TimeoutError):
        # There was a connection, and no answer.
        if await _wants_tls(host):
            return _write_https(host)
        if host.startswith("https:") and (alert := await tls.alert(host, _LOOK_S)):
            reason = reason_of(alert, timeout_s)
    text = f"{host}: {reason.text}"
    if reason.other_name and (names := await tls.names(host, _LOOK_S)):
        text += f". It is for {', '.join(map(visible, names))}: connect to one of these"
    return ConfigError("url", text) if reason.lasting else Obstacle(text)


async def _wants_tls(host: str) -> bool:
    return host.startswith("http:") and await speaks_tls(host, _LOOK_S)


def _write_https(host: str) -> ConfigError:
    return ConfigError("url", f"{host} speaks TLS: write https://")
