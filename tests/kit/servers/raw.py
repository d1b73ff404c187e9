"""A NATS client that sends the bytes that it is told, and servers that are none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.kit.servers.listening import listening

__all__ = ["RawClient", "pretending", "raw_client"]

_ANSWER_S = 5.0


class RawClient:
    """Publishes any bytes under any subject and headers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def publish(self, subject: bytes, data: bytes, headers: bytes | None = None) -> None:
        """Return when the server has taken it; an error of the server fails the test."""
        if headers is None:
            self._writer.write(b"PUB %s %d\r\n%s\r\n" % (subject, len(data), data))
        else:
            sizes = (len(headers), len(headers) + len(data))
            self._writer.write(b"HPUB %s %d %d\r\n%s%s\r\n" % (subject, *sizes, headers, data))
        await self.flush()

    async def flush(self) -> None:
        self._writer.write(b"PING\r\n")
        async with asyncio.timeout(_ANSWER_S):
            while (line := await self._reader.readline()) != b"PONG\r\n":
                assert line, "the server closed the connection"
                assert not line.startswith(b"-ERR"), line


@asynccontextmanager
async def raw_client(url: str) -> AsyncIterator[RawClient]:
    """A client at the server at a URL."""
    there = urlsplit(url)
    reader, writer = await asyncio.open_connection(there.hostname, there.port)
    try:
        writer.write(b'CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\n')
        client = RawClient(reader, writer)
        await client.flush()
        yield client
    finally:
        writer.close()


@asynccontextmanager
async def pretending(
    greeting: bytes = b"", *, port: int = 0, hang_up: bool = False
) -> AsyncIterator[str]:
    """A program that accepts connections and says at most its greeting; gives its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        with suppress(OSError):
            while not hang_up and await reader.read(1 << 16):
                pass

    async with listening(serve, port) as listens_at:
        yield f"nats://127.0.0.1:{listens_at}"
