"""Sockets: their remote address is known, and all are closed when the node ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from weakref import WeakSet

import trio

__all__ = ["remember_remote", "socket_closer"]

_CLOSE_S = 1.0


def remember_remote(stream: Any) -> None:
    """Remember the remote address. py-libp2p knows it for IPv4 only; rules for addresses missed IPv6."""
    with suppress(OSError):  # the peer has gone
        host, port, *_ = stream.stream.socket.getpeername()
        stream._cached_remote_address = host, port


def socket_closer(swarm: Any) -> Callable[[], Awaitable[None]]:
    """Return a function that closes the sockets of all connections that this network ever had.

    py-libp2p forgets a connection whose closing is cancelled half-way, which happens when a node ends.
    """
    stock, made = swarm.add_conn, WeakSet[Any]()

    async def add(muxed: Any, *args: Any, **options: Any) -> Any:
        made.add(muxed)
        return await stock(muxed, *args, **options)

    async def close() -> None:
        with trio.move_on_after(_CLOSE_S, shield=True):
            for muxed in list(made):
                with suppress(Exception):
                    await muxed.secured_conn.close()

    swarm.add_conn = add
    return close
