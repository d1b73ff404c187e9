"""When a server syncs acknowledged events to its disk, read from its monitoring endpoint."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final
from urllib.parse import SplitResult, urlsplit

import msgspec

from dms_events.errors import ConfigError, TransportError

__all__ = ["SyncPolicy", "read_sync_policy"]

_MOST_BYTES: Final = 1 << 20


class SyncPolicy(msgspec.Struct, frozen=True):
    """When a server syncs what it stores: its ``sync_interval``."""

    server: str
    """The server's name."""
    always: bool
    """An event is on the disk before it is acknowledged."""
    interval_s: float | None
    """Otherwise a power cut may lose the events acknowledged in so long; None if it does not say that."""


class _Config(msgspec.Struct):
    sync_interval: int | None = None
    sync_always: bool = False


class _JetStream(msgspec.Struct):
    config: _Config | None = None


class _Varz(msgspec.Struct):
    server_name: str
    jetstream: _JetStream


async def read_sync_policy(
    url: str, *, timeout_s: float = 3.0, tls: ssl.SSLContext | None = None
) -> SyncPolicy:
    """Ask the monitoring endpoint of a server, ``http://host:8222``.

    Raises:
        ConfigError: ``url`` is not such an address.
        TransportError: no nats-server with JetStream answers there, within ``timeout_s`` and 1 MiB.
    """
    there = _checked(url)
    where = f"the monitoring at {there.hostname}:{there.port or there.scheme}"
    try:
        async with asyncio.timeout(timeout_s):
            answer = await _get(there, tls)
    except TimeoutError as error:
        raise TransportError(f"{where}: no answer within {timeout_s:g} s") from error
    except (OSError, UnicodeError) as error:
        raise TransportError(f"{where}: {error}") from error
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.partition(b"\r\n")[0].decode(errors="replace")
    if len(answer) > _MOST_BYTES or " 200" not in status:
        said = "more than 1 MiB" if len(answer) > _MOST_BYTES else repr(status[:80])
        raise TransportError(f"{where} answers {said}: it is not that of a nats-server")
    try:
        varz = msgspec.json.decode(body, type=_Varz)
    except msgspec.DecodeError as error:
        raise TransportError(f"{where} is not that of a nats-server: {error}") from error
    config = varz.jetstream.config
    if config is None:
        raise TransportError(f"{where}: the server {varz.server_name} has no JetStream")
    nanoseconds = config.sync_interval
    interval_s = None if nanoseconds is None else nanoseconds / 1e9
    return SyncPolicy(varz.server_name, config.sync_always, interval_s)


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        right = False  # a port that is no number
    # The error does not show the URL, which may hold a password.
    if not right or "@" in parts.netloc:
        raise ConfigError("monitoring_url", "is not an address such as http://host:8222")
    return parts


async def _get(there: SplitResult, tls: ssl.SSLContext | None) -> bytes:
    secure = there.scheme == "https"
    port = there.port or (443 if secure else 80)
    # With HTTP/1.0 the server sends the answer in one piece, and closes the connection after it.
    request = f"GET {there.path.rstrip('/')}/varz HTTP/1.0\r\nHost: {there.netloc}\r\n\r\n"
    context = (tls or ssl.create_default_context()) if secure else None
    reader, writer = await asyncio.open_connection(there.hostname, port, ssl=context)
    try:
        writer.write(request.encode("ascii", errors="replace"))
        answer = bytearray()
        while len(answer) <= _MOST_BYTES and (more := await reader.read(1 << 16)):
            answer += more
        return bytes(answer)
    finally:
        writer.transport.abort()
