"""A TCP link to a server, which can stand still without being closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.kit.servers.listening import listening

__all__ = ["Link", "linked"]


class Link:
    """What goes through it waits while it is stalled.

    With ``bytes_per_s`` no more than that goes through it in a second, one way. With ``stalls_at`` it
    stalls by itself where these bytes would go through it.
    """

    def __init__(self, bytes_per_s: float = 0.0, stalls_at: bytes = b"") -> None:
        self.url = ""
        self._stalls_at = stalls_at
        self._bytes_per_s = bytes_per_s
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def stalled(self) -> bool:
        return not self._flows.is_set()

    def stall(self) -> None:
        self._flows.clear()

    def stall_old(self) -> None:
        """Stall for good the connections that are there. New ones are not."""
        self._flows.clear()
        self._flows = asyncio.Event()
        self._flows.set()

    def mend(self) -> None:
        self._flows.set()

    def cut(self) -> None:
        """Close every connection at once, as a broken wire does after a while."""
        for writer in self._writers:
            writer.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        flows = self._flows
        self._writers.add(writer)
        try:
            with suppress(OSError):
                while data := await reader.read(1 << 16):
                    if self._bytes_per_s:
                        await asyncio.sleep(len(data) / self._bytes_per_s)
                    if self._stalls_at and self._stalls_at in data:
                        self.stall()
                    await flows.wait()
                    writer.write(data)
                    await writer.drain()
        finally:
            self._writers.discard(writer)
            writer.close()


@asynccontextmanager
async def linked(
    server_url: str, bytes_per_s: float = 0.0, stalls_at: bytes = b""
) -> AsyncIterator[Link]:
    """A link to the server at a URL; its own URL is where it listens."""
    link = Link(bytes_per_s, stalls_at)
    there = urlsplit(server_url)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection(there.hostname, there.port)
        except OSError:  # the server is away
            writer.close()
            return
        await asyncio.gather(link.carry(reader, far_writer), link.carry(far_reader, writer))

    async with listening(accept) as port:
        link.url = f"nats://127.0.0.1:{port}"
        yield link
