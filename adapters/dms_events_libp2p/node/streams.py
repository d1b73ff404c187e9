"""Requests on streams, on the trio side: one frame to the peer, one frame back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import trio
from libp2p.peer.id import ID

from dms_events.errors import (
    BadReplyError,
    ConnectionLostError,
    NoResponderError,
    RequestError,
    TransportError,
)

from ..peers import Neighbours
from ..workarounds import ProtocolNotSupportedError, UncutStream, open_stream, reason_of
from .room import Room

__all__ = ["LARGEST_FRAME", "Inbound", "Served", "Streams"]

_log = logging.getLogger("dms_events")
LARGEST_FRAME = 1 << 20
_PREFIX = 8
_FRAME_S = 30.0
_SEE_OFF_S = 5.0
_PIECE = 65_536


class _BadFrameError(Exception):
    """The peer sent bytes that are no frame."""


class _CutError(Exception):
    """The stream ended before its frame."""


class Inbound:
    """A request that was read and waits for its answer."""

    def __init__(self, type_name: str, protocol: str, peer: str, data: bytes) -> None:
        self.type_name = type_name
        self.protocol = protocol
        self.peer = peer
        self.data = data
        self.answer: bytes | None = None
        self.answered = trio.Event()
        self.ended = trio.Event()

    async def send(self, answer: bytes) -> None:
        """Have an answer written. Returns when it is written, or when nobody waits for it any more."""
        self.answer = answer
        self.answered.set()
        await self.ended.wait()

    def drop(self) -> None:
        """End the request without an answer."""
        self.answered.set()


Served = tuple[str, Callable[[Inbound], None]]
"""The name of a type, and the function that takes its requests."""


class Streams:
    """Sends requests to peers, and hands over the requests of peers."""

    def __init__(
        self,
        host: Any,
        tasks: trio.Nursery,
        neighbours: Neighbours,
        room: Room,
        strike: Callable[[Any, str], None],
        served: dict[str, Served],
    ) -> None:
        """``served`` has the types that an earlier life of the node answered, by protocol. It is kept up
        to date."""
        self._host = host
        self._tasks = tasks
        self._neighbours = neighbours
        self._room = room
        self._strike = strike
        self._served = served
        self.answered = 0
        for protocol, (type_name, take) in served.items():
            self._listen(type_name, protocol, take)

    async def ask(
        self, type_name: str, peer: str, addresses: list[str], protocol: str, data: bytes
    ) -> bytes:
        """Send a request on a stream of its own, and read the answer.

        Raises:
            NoResponderError: the peer cannot be reached, or does not speak the protocol.
            BadReplyError: the peer sends no frame, or one that is too large.
            ConnectionLostError: the connection ended before the answer did.
            RequestError: the peer refused the stream, or ended it before its answer.
        """
        to = ID.from_base58(peer)
        try:
            await self._neighbours.reach(to, addresses)
        except TransportError as error:
            raise NoResponderError(type_name, str(error)) from error
        try:
            stream = await open_stream(self._host, self._tasks, to, protocol)
        except ProtocolNotSupportedError as error:
            reason = f"peer {peer} does not answer requests of this type"
            raise NoResponderError(type_name, reason) from error
        except Exception as error:
            reason = f"peer {peer} refused the request: {reason_of(error)}"
            raise _failure(type_name, reason, lost=not self._neighbours.is_connected(to)) from error
        whole = False
        try:
            await stream.write(_framed(data))
            answer = await _read_frame(stream, lambda size: True)
            whole = True
        except _BadFrameError as error:
            raise BadReplyError(type_name, f"peer {peer} sent {error}") from error
        except Exception as error:
            why = str(error) if isinstance(error, _CutError) else reason_of(error)
            reason = f"peer {peer} ended the stream before its answer: {why}"
            raise _failure(type_name, reason, lost=stream.is_lost) from error
        finally:
            if whole:
                self._tasks.start_soon(self._see_off, stream)
            else:
                await stream.leave()
        return answer

    async def serve(self, type_name: str, protocol: str, take: Callable[[Inbound], None]) -> None:
        """Hand requests to ``take`` from now on."""
        self._served[protocol] = type_name, take
        self._listen(type_name, protocol, take)

    def _listen(self, type_name: str, protocol: str, take: Callable[[Inbound], None]) -> None:
        async def handle(opened: Any) -> None:
            await self._handle(UncutStream(opened, self._tasks), type_name, protocol, take)

        self._host.set_stream_handler(protocol, handle)

    def serve_no_more(self, protocol: str) -> None:
        """Refuse requests from now on."""
        self._served.pop(protocol, None)
        self._host.remove_stream_handler(protocol)

    async def _handle(
        self, stream: UncutStream, type_name: str, protocol: str, take: Callable[[Inbound], None]
    ) -> None:
        peer, held = stream.peer, 0

        def room(size: int) -> bool:
            nonlocal held
            if taken := self._room.take(peer, size):
                held += size
            return taken

        if not self._room.enter(peer):
            await stream.leave()
            return
        inbound = None
        try:
            with trio.fail_after(_FRAME_S):
                data = await _read_frame(stream, room)
            inbound = Inbound(type_name, protocol, str(peer), data)
            take(inbound)
            await self._answer(stream, inbound)
        except _BadFrameError as error:
            self._strike(peer, str(error))
        except Exception as error:  # noqa: BLE001
            _log.debug("a request of peer %s ended: %s", peer, reason_of(error))
        finally:
            if inbound is not None:
                inbound.ended.set()
            await stream.leave()
            self._room.leave(peer, held)

    async def _answer(self, stream: UncutStream, inbound: Inbound) -> None:
        async with trio.open_nursery() as watching:
            watching.start_soon(self._watch, stream, inbound)
            await inbound.answered.wait()
            watching.cancel_scope.cancel()
        if inbound.answer is None:
            return
        with trio.fail_after(_FRAME_S):
            await stream.write(_framed(inbound.answer))
        self.answered += 1
        inbound.ended.set()
        await self._see_off(stream)

    async def _watch(self, stream: UncutStream, inbound: Inbound) -> None:
        """Watch the requester while a request is handled: it may leave, but it may not send more."""
        try:
            await stream.read(1)
        except Exception as error:  # noqa: BLE001
            if not stream.was_reset:
                return  # the requester has closed its side, as it should
            _log.debug("peer %s left before its answer: %s", inbound.peer, reason_of(error))
        else:
            self._strike(stream.peer, "more than one frame in a request")
        inbound.drop()

    async def _see_off(self, stream: UncutStream) -> None:
        """Close a stream gently after its frames: a reset could overtake the last frame."""
        try:
            with trio.move_on_after(_SEE_OFF_S):
                await stream.close()
                while await stream.read(_PIECE):
                    pass
        except Exception as error:  # noqa: BLE001
            _log.debug("a stream ended: %r", error)
        finally:
            await stream.leave()


def _failure(type_name: str, reason: str, *, lost: bool) -> TransportError:
    if lost:
        return ConnectionLostError(f"request {type_name}: {reason}")
    return RequestError(type_name, reason)


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(_PREFIX, "little") + data


async def _read_frame(stream: UncutStream, room: Callable[[int], bool]) -> bytes:
    """Read one frame. ``room`` is asked for room as the bytes come.

    Raises:
        _BadFrameError: the frame is too large.
        _CutError: the stream ends before the frame, or there is no room for it.
    """
    length = int.from_bytes(await _read(stream, _PREFIX, room), "little")
    if length > LARGEST_FRAME:
        raise _BadFrameError(f"a frame of {length} bytes, over {LARGEST_FRAME}")
    return await _read(stream, length, room)


async def _read(stream: UncutStream, size: int, room: Callable[[int], bool]) -> bytes:
    data = bytearray()
    while len(data) < size:
        try:
            piece = await stream.read(min(_PIECE, size - len(data)))
        except Exception as error:
            raise _CutError(f"{len(data)} of {size} bytes came") from error
        if not piece:
            raise _CutError(f"{len(data)} of {size} bytes came")
        if not room(len(piece)):
            raise _CutError("there is no room for it")
        data += piece
    return bytes(data)
