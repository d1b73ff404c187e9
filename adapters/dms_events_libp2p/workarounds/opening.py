"""Opens, writes and leaves streams so that a cancellation or a refusal leaves nothing behind."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import trio
from libp2p.protocol_muxer.exceptions import ProtocolNotSupportedError
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator

from .streams import forget

__all__ = ["ProtocolNotSupportedError", "UncutStream", "open_stream"]

_LEAVE_S = 1.0
_PIECE = 65_524
"""Bytes of one write; with its header a frame of yamux."""
_POLL_S = 0.002


class UncutStream:
    """A stream that sends whole frames. A cancelled write does not cut a frame.

    py-libp2p stops in the middle of a frame, which makes the whole connection useless. It also gives up
    when its peer reads nothing for 5 s.
    """

    def __init__(self, stream: Any, tasks: trio.Nursery) -> None:
        self._stream = stream
        self._tasks = tasks
        self.peer = stream.muxed_conn.peer_id

    async def read(self, size: int | None = None) -> bytes:
        """Read up to ``size`` bytes. Raises exceptions of any kind at the end of the stream."""
        data: bytes = await self._stream.read(size)
        return data

    async def write(self, data: bytes) -> None:
        """Write all bytes. Raises exceptions of any kind if the stream has ended."""
        muxed, sent = self._stream.muxed_stream, 0
        while sent < len(data):
            await trio.lowlevel.checkpoint()
            if not (muxed.send_window > 0 or muxed.closed or self.is_lost):
                await trio.sleep(_POLL_S)
                continue
            piece = data[sent : sent + min(max(muxed.send_window, 1), _PIECE)]
            await _uncut(self._tasks, self._stream.write, piece)
            sent += len(piece)

    async def close(self) -> None:
        """Close the writing side."""
        await _uncut(self._tasks, self._stream.close)

    @property
    def is_lost(self) -> bool:
        """True if the connection of this stream has ended, or is about to end."""
        return bool(self._stream.muxed_conn.event_shutting_down.is_set())

    @property
    def was_reset(self) -> bool:
        """True if the peer has reset this stream, or its connection has ended."""
        return self.is_lost or bool(self._stream.muxed_stream.reset_received)

    async def leave(self) -> None:
        """Reset the stream in any state, and forget it."""
        with trio.move_on_after(_LEAVE_S, shield=True), suppress(Exception):
            await _uncut(self._tasks, self._stream.reset)
        forget(self._stream)


async def open_stream(host: Any, tasks: trio.Nursery, peer: Any, protocol: str) -> UncutStream:
    """Open a stream to a connected peer.

    In py-libp2p a refused stream keeps its entry in yamux. A stream whose opening is cancelled also keeps
    one of 256 places.

    Raises:
        ProtocolNotSupportedError: the peer does not speak the protocol.
        Exception: exceptions of any kind if the peer is gone, or refuses.
    """

    async def leave(opened: Any) -> None:
        await UncutStream(opened, tasks).leave()

    opened = await _uncut(tasks, host.get_network().new_stream, peer, undo=leave)
    stream = UncutStream(opened, tasks)
    try:
        communicator = MultiselectCommunicator(stream)
        await host.multiselect_client.handshake(communicator)
        await host.multiselect_client.try_select(communicator, protocol)
    except BaseException:
        await stream.leave()
        raise
    return stream


async def _uncut(
    tasks: trio.Nursery,
    function: Callable[..., Awaitable[Any]],
    *args: Any,
    undo: Callable[[Any], Awaitable[None]] | None = None,
) -> Any:
    """Call a function that goes on if this call is cancelled. Then ``undo`` gets its result."""
    value, failure, ended, awaited = None, None, trio.Event(), True

    async def work() -> None:
        nonlocal value, failure
        try:
            value = await function(*args)
        except Exception as error:  # noqa: BLE001
            failure = error
        finally:
            ended.set()
        if not awaited and failure is None and undo is not None:
            await undo(value)

    tasks.start_soon(work)
    try:
        await ended.wait()
    except BaseException:
        awaited = False
        if ended.is_set() and failure is None and undo is not None:
            tasks.start_soon(undo, value)
        raise
    if failure is not None:
        raise failure
    return value
