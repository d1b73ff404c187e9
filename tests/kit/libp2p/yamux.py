"""A peer that speaks yamux by hand: streams that are never negotiated, and frames of any kind."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.io.exceptions import IOException
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.stream_muxer.exceptions import MuxedStreamError
from multiaddr import Multiaddr

__all__ = ["DATA", "FIN", "SYN", "WINDOW_UPDATE", "frame", "is_ended", "negotiated", "send"]

DATA, WINDOW_UPDATE = 0, 1
SYN, FIN = 1, 4
_HELLO = b"\x13/multistream/1.0.0\n"
_PATIENCE_S = 8.0
"""Less than the time after which stock ends a stream that is not negotiated."""


def frame(
    kind: int, flags: int, stream: int, data: bytes = b"", length: int | None = None
) -> bytes:
    """A frame, with the length of its data if no other is given."""
    return (
        struct.pack(">BBHII", 0, kind, flags, stream, len(data) if length is None else length)
        + data
    )


def negotiated(protocol: str) -> bytes:
    """What asks for a protocol on a new stream."""
    name = protocol.encode() + b"\n"
    return _HELLO + bytes([len(name)]) + name


async def send(address: str, frames: Iterable[bytes]) -> bool:
    """Send frames as fast as they are taken; returns whether the node has left then."""

    async def act(muxed: Any) -> bool:
        with suppress(IOException), trio.move_on_after(_PATIENCE_S):
            for each in frames:
                await muxed._write_frame(each)
        with trio.move_on_after(1.0):
            await muxed.event_closed.wait()
        return bool(muxed.is_closed)

    return await _connected(address, act)


async def is_ended(address: str, first: bytes) -> bool:
    """Open a stream that begins with these bytes; returns whether the node ends it soon."""

    async def act(muxed: Any) -> bool:
        with trio.move_on_after(_PATIENCE_S):
            stream = await muxed.open_stream()
            await stream.write(first)
            with suppress(MuxedStreamError):
                while True:
                    await stream.read(1)
            return True
        return False

    return await _connected(address, act)


async def _connected(address: str, act: Callable[[Any], Awaitable[bool]]) -> bool:
    async def main() -> bool:
        host, target = (
            new_host(key_pair=create_new_key_pair()),
            info_from_p2p_addr(Multiaddr(address)),
        )
        async with host.run([]):
            await host.connect(target)
            [connection] = host.get_network().get_connections(target.peer_id)
            try:
                return await act(connection.muxed_conn)
            finally:
                with trio.move_on_after(_PATIENCE_S, shield=True):
                    # The library forgets the socket of a connection that the other end closed.
                    await connection.muxed_conn.secured_conn.close()
                    await host.close()

    return await asyncio.to_thread(trio.run, main)
