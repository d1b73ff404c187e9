"""Servers that keep a client waiting, each in its way."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from tests.kit.servers.listening import listening

__all__ = ["Hanging", "mute", "silent", "unreachable"]

_INFO = b'INFO {"server_id":"M","version":"2.15.0","headers":true,"max_payload":1048576}\r\n'
_SYN_SENT = "02"


class Hanging(NamedTuple):
    """Where it is, and whether a client waits for it now."""

    address: str
    reached: Callable[[], bool]


@asynccontextmanager
async def silent() -> AsyncIterator[Hanging]:
    """It accepts connections and says nothing."""
    accepted = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        with suppress(OSError):
            while await reader.read(1 << 16):
                pass

    async with listening(serve) as port:
        yield Hanging(f"127.0.0.1:{port}", accepted.is_set)


@asynccontextmanager
async def mute() -> AsyncIterator[Hanging]:
    """It speaks NATS, and answers no request."""
    asked = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_INFO)
        with suppress(OSError):
            while line := await reader.readline():
                if line.startswith(b"PING"):
                    writer.write(b"PONG\r\n")
                elif line.startswith((b"PUB ", b"HPUB ")):
                    asked.set()

    async with listening(serve) as port:
        yield Hanging(f"127.0.0.1:{port}", asked.is_set)


@asynccontextmanager
async def unreachable() -> AsyncIterator[Hanging]:
    """It does not even accept: its queue of connections is full."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        place = server.getsockname()

        def trying() -> int:
            there = f"0100007F:{place[1]:04X}"
            rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines())
            return sum(row[2:4] == [there, _SYN_SENT] for row in rows)

        while not trying():
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.connect(place)
        before = trying()
        yield Hanging(f"127.0.0.1:{place[1]}", lambda: trying() > before)
