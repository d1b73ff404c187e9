"""Reading a partitioned durable: each partition has one owner at a time."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

import msgspec
import nats.errors
import nats.js.errors
from nats.js.kv import KeyValue

from dms_events.aio import cancelled
from dms_events.errors import ConnectionLostError, TransportError
from dms_events.transport import Delivery, Receiver, SupportsOwnership

from ..client import mapped, why_ended
from ..delivery import JetStreamDelivery
from ..store.bucket import NotesBucket
from .assignment import Assignment, Member
from .part import Part

__all__ = ["PartitionedReceiver"]

_log = logging.getLogger("dms_events")
_MOST_TRIES = 10
_decode = msgspec.json.Decoder(Assignment).decode
_encode = msgspec.json.Encoder().encode


class _UnreadableError(TransportError):
    """The document of the readers cannot be read."""


def _read(entry: KeyValue.Entry) -> Assignment:
    try:
        return _decode(entry.value or b"")
    except ValueError as error:
        raise _UnreadableError(
            f"the key {entry.key} of the bucket {entry.bucket} does not say who reads which partition "
            f"({error}). Stop all readers of this durable, delete the key "
            f"(nats kv del {entry.bucket} {entry.key}) and start them again"
        ) from error


async def _leave(parts: Iterable[Part]) -> None:
    """Stop taking messages of partitions, all at the same time."""
    leaving = list(parts)
    for part in leaving:
        part.leaving = True
    await asyncio.gather(*(part.receiver.pause() for part in leaving))


class PartitionedReceiver(Receiver, SupportsOwnership):
    """The partitions that this reader owns, as one receiver.

    Readers of a durable agree in one document, which each writes with compare-and-set, as often as its
    `Member` says. A partition is handed over when all messages fetched of it are settled. A reader loses
    its partitions when the others hear nothing of it for one and a half ack waits, in which they heard
    themselves. A reader that could not write for one ack wait takes no more messages of its partitions,
    so it stops before others begin.
    """

    def __init__(
        self,
        bucket: NotesBucket,
        key: str,
        member: Member,
        *,
        ack_wait_s: float,
        arrived: asyncio.Event,
        open_part: Callable[[str], Awaitable[Part]],
        waiting: Callable[[Iterable[str]], Awaitable[int]],
    ) -> None:
        self._bucket = bucket
        self._key = key
        self._member = member
        self.ack_wait_s = ack_wait_s
        self._arrived = arrived
        self._open_part = open_part
        self._waiting = waiting
        self._assignment = Assignment(member.partitions)
        self._parts: dict[str, Part] = {}
        self._turn: deque[Part] = deque()
        self._own_until = 0.0
        self._decided = asyncio.Event()
        """Set when this reader has written the document, or has failed."""
        self._taken_out = False
        """The other members removed this one for silence; they own what it still holds."""
        self._pausing = False
        self._failure: TransportError | None = None
        self._beating: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Join the readers.

        Raises:
            TransportError: the bucket cannot be written.
        """
        with mapped("join the readers of the partitions"):
            await self._beat()
        self._beating = asyncio.create_task(self._go_on())
        self._beating.add_done_callback(self._stopped)

    def pop(self) -> JetStreamDelivery | None:
        if time.monotonic() < self._own_until:
            for _ in range(len(self._turn)):
                part = self._turn[0]
                self._turn.rotate(-1)
                if (delivery := part.pop()) is not None:
                    return delivery
        return None

    async def wait(self, timeout_s: float | None) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not self._ready():
                    if failure := self._ended():
                        raise failure
                    self._arrived.clear()
                    await self._arrived.wait()
        return self._ready()

    def _ready(self) -> bool:
        own = time.monotonic() < self._own_until
        return own and any(part.at_hand for part in self._turn)

    def _ended(self) -> TransportError | None:
        return self._failure or next(
            (part.receiver.failure for part in self._turn if part.receiver.failure), None
        )

    async def still_owned(self, delivery: Delivery) -> bool:
        origin = cast(JetStreamDelivery, delivery).origin
        while not (origin.lost or self._failure or time.monotonic() < self._own_until):
            self._decided.clear()
            await self._decided.wait()
        return not (origin.lost or self._failure)

    async def backlog(self) -> int:
        return await self._waiting(self._assignment.all)

    async def pause(self) -> bool:
        self._pausing = True
        await _leave(self._turn)
        return True

    async def close(self) -> None:
        await cancelled(self._beating)
        await self.pause()
        unsettled = sum(part.unsettled for part in self._turn)
        for name in list(self._parts):
            await self._drop(name)
        try:
            # Unsettled messages come again after the ack wait, and have to come before new ones.
            if not unsettled:
                with mapped("leave the readers of the partitions"):
                    await self._write(self._member.leave)
        except TransportError as error:
            _log.warning(
                "this reader could not give up its partitions; the other readers get them after %g s: %s",
                self._member.patience_s,
                error,
            )
        self.fail(ConnectionLostError("the subscription is closed"))

    def reconnected(self) -> None:
        """Ask again: the pull requests went with the old connection."""
        for part in self._turn:
            part.reconnected()

    def fail(self, error: TransportError) -> None:
        """End with an error: no message will arrive any more."""
        self._failure = self._failure or error
        for part in self._turn:
            part.receiver.fail(error)
        self._arrived.set()
        self._decided.set()

    def _stopped(self, beating: asyncio.Task[None]) -> None:
        """Hand out nothing more: without beats, others will begin these partitions after a while."""
        if failure := why_ended(beating):
            self._own_until = 0.0
            self.fail(failure)

    async def _go_on(self) -> None:
        within_s = max(1.0, 2 * self._member.beat_s)
        while True:
            await asyncio.sleep(self._member.beat_s)
            try:
                with mapped("say that this reader lives"):
                    await self._beat(within_s)
            except _UnreadableError:
                raise
            except TransportError as error:
                _log.warning(
                    "%s; this reader keeps its partitions for at most %g s", error, self.ack_wait_s
                )

    async def _beat(self, within_s: float | None = None) -> None:
        done = {name for name, part in self._parts.items() if part.done}
        began_s = time.monotonic()
        ending = self._pausing

        def turn(assignment: Assignment) -> Assignment:
            self._taken_out |= self._member.name not in assignment.beats
            return self._member.beat(assignment, began_s, done_with=done, ending=ending)

        # Waiting for an answer that was lost with its connection must not delay the next beats.
        async with asyncio.timeout(within_s):
            assignment = await self._write(turn)
        if assignment is None:
            return
        self._assignment = assignment
        owned = assignment.owned_by(self._member.name)
        if self._taken_out and self._turn:
            _log.warning(
                "this reader was silent for too long; the other readers have taken its partitions"
            )
        if self._taken_out:
            # The partition may be this reader's again already, but not the messages it had taken of it.
            for part in self._turn:
                part.receiver.lose()
        for name in list(self._parts):
            if self._taken_out or name not in owned or name in done:
                await self._drop(name)
        self._taken_out = False
        self._own_until = began_s + self.ack_wait_s
        self._decided.set()
        if self._pausing:
            return
        for name in owned:
            if name not in self._parts:
                part = self._parts[name] = await self._open_part(name)
                self._turn.append(part)
                _log.debug("partition %s is read here", name)
        await _leave(self._parts[name] for name in owned[assignment.share_of(self._member.name) :])
        self._arrived.set()

    async def _write(self, turn: Callable[[Assignment], Assignment]) -> Assignment | None:
        """Change the document with ``turn``, and return it; None if others were always faster."""
        for _ in range(_MOST_TRIES):
            try:
                entry = await self._bucket.get(self._key)
                assignment, revision = _read(entry), entry.revision
            except nats.js.errors.KeyNotFoundError as error:
                # The revisions of a deleted key go on counting.
                assignment, revision = Assignment(), error.entry.revision if error.entry else None
            after = turn(assignment)
            try:
                await self._bucket.update(self._key, _encode(after), last=revision)
            except nats.js.errors.KeyWrongLastSequenceError:
                continue
            return after
        return None

    async def _drop(self, name: str) -> None:
        part = self._parts.pop(name)
        self._turn.remove(part)
        # Messages given back would come before the unsettled ones.
        await part.close(give_back=not (self._taken_out or part.unsettled))
