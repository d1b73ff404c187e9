"""A proxy in front of an Elasticsearch, which spoils the answers to bulks as told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf
from urllib.parse import urlsplit

from .listening import listening
from .scripted_elasticsearch import PAGE

__all__ = ["Proxy", "proxied"]


class Proxy:
    """Passes requests on, one to a connection."""

    def __init__(self, server_url: str) -> None:
        self.url = ""
        self.most_bytes = inf
        """A request with a larger body has its connection reset, before it is passed on."""
        self.resets = 0
        self.refuses = False
        """True if each bulk is answered with 503, and not passed on."""
        self.spoils: list[str] = []
        """What becomes of the next answers to bulks that were passed on: ``lost``, ``cut``, ``held``,
        ``page`` or ``502``."""
        self.spoilt: set[str] = set()
        """The ids in those bulks."""
        self._there = urlsplit(server_url)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            _, _, length = head.lower().partition(b"content-length:")
            size = int(length.split()[0]) if length else 0
            if size > self.most_bytes:
                self.resets += 1
                writer.transport.abort()
                return
            await self._answer(head, await reader.readexactly(size), reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass

    async def _answer(
        self, head: bytes, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        bulk = b"/_bulk" in head.split(b"\r\n")[0]
        if bulk and self.refuses:
            writer.write(_whole(503, b"no"))
            return
        answer = await self._ask(head, body)
        if not bulk or not self.spoils:
            writer.write(answer)
            await writer.drain()
            return
        self.spoilt |= {json.loads(line)["create"]["_id"] for line in body.splitlines()[::2]}
        match self.spoils.pop(0):
            case "cut":
                writer.write(answer[:-10])
                await writer.drain()
            case "held":
                await reader.read()  # until the other side gives up
            case "page":
                writer.write(_whole(200, PAGE))
            case "502":
                writer.write(_whole(502, PAGE))

    async def _ask(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(self._there.hostname, self._there.port)
        try:
            first, _, rest = head.partition(b"\r\n")
            kept = [
                line for line in rest.split(b"\r\n") if not line.lower().startswith(b"connection")
            ]
            writer.write(b"\r\n".join([first, b"Connection: close", *kept]) + body)
            return await reader.read()
        finally:
            writer.close()


def _whole(status: int, page: bytes) -> bytes:
    return (
        f"HTTP/1.1 {status} x\r\nContent-Type: text/html\r\nContent-Length: {len(page)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + page


@asynccontextmanager
async def proxied(server_url: str) -> AsyncIterator[Proxy]:
    """A proxy to the server at a URL; its own URL is where it listens."""
    proxy = Proxy(server_url)
    async with listening(proxy.serve) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy
