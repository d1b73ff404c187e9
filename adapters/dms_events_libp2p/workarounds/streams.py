"""Streams: their errors do not end the host, ended streams are forgotten, and streams are bounded."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from libp2p.network.stream.exceptions import StreamError

__all__ = ["bound_bytes", "forget", "guard_streams"]

_log = logging.getLogger("dms_events")
_MOST_STREAMS = 256
_LARGEST_READ = 2 << 20
_LOOK_EVERY_BYTES = 1 << 18


def guard_streams(host: Any) -> None:
    """Hold the exceptions of inbound streams, and limit the streams of a peer.

    In py-libp2p an exception of any inbound stream's handler ends the host with all its connections. A
    peer may have any number of streams, each with a task that waits for its protocol.
    """
    stock = host._swarm_stream_handler
    running: Counter[Any] = Counter()

    async def handle(stream: Any) -> None:
        connection = stream.muxed_conn
        running[connection] += 1
        try:
            if running[connection] > _MOST_STREAMS:
                raise StreamError(f"{_MOST_STREAMS} streams are open already")
            await stock(stream)
        except Exception as error:  # noqa: BLE001
            _log.debug("an inbound stream of %s failed: %r", connection.peer_id, error)
            with suppress(Exception):
                await stream.reset()
        finally:
            running[connection] -= 1
            if not running[connection]:
                del running[connection]
            if stream.muxed_stream.closed:
                forget(stream)

    host.get_network().set_stream_handler(handle)


def bound_bytes(swarm: Any, most: int) -> None:
    """Limit the unread bytes of a connection to ``most``; beyond that the connection is closed.

    py-libp2p waits for as many bytes as a peer announces, and holds all bytes that a peer sends. If a
    peer sends more than the window of a stream, py-libp2p only logs it.
    """
    stock_opened, stock_add = swarm.notify_opened_stream, swarm.add_conn

    async def opened(stream: Any) -> None:
        stream.read = _bounded(stream.read)
        await stock_opened(stream)

    async def add(muxed: Any, *args: Any, **options: Any) -> Any:
        muxed._read_data_body = _watched(muxed, most)
        return await stock_add(muxed, *args, **options)

    swarm.notify_opened_stream = opened
    swarm.add_conn = add


def _bounded(stock: Callable[[int | None], Awaitable[bytes]]) -> Callable[..., Awaitable[bytes]]:
    async def read(n: int | None = None) -> bytes:
        if n is not None and n > _LARGEST_READ:
            raise StreamError(f"a message of {n} bytes is announced")
        return await stock(n)

    return read


def _watched(muxed: Any, most: int) -> Callable[[int], Awaitable[bytes]]:
    stock, unseen = muxed._read_data_body, 0

    async def read(length: int) -> bytes:
        nonlocal unseen
        data: bytes = await stock(length)
        unseen += length
        if unseen >= _LOOK_EVERY_BYTES:
            unseen = 0
            if (held := sum(map(len, muxed.stream_buffers.values()))) > most:
                _log.warning(
                    "peer %s is disconnected: %d of its bytes wait to be read", muxed.peer_id, held
                )
                await muxed.secured_conn.close()
        return data

    return read


def forget(stream: Any) -> None:
    """Forget an ended stream. py-libp2p keeps one that has unread bytes for a minute."""
    connection, id = stream.muxed_conn, stream.muxed_stream.stream_id
    for table in (connection.streams, connection.stream_buffers, connection.stream_events):
        table.pop(id, None)
