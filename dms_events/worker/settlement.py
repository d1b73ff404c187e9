"""What is said to the broker about each message that a worker took."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Sequence
from typing import Any

import msgspec

from ..bus import Message
from ..dead_letters import AGAIN_S, Undertaker
from ..errors import HandlerError, Reject, TransportError
from ..identity import now_rfc3339
from ..transport import KeyValue
from .handlers import Handler
from .ledger import Ledger
from .policy import Course, Record
from .tally import WorkerTally

__all__ = ["Entry", "Settlement"]

_log = logging.getLogger("dms_events")
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Record).decode


class Entry(msgspec.Struct, eq=False):
    """An identity in hand: its message, and later deliveries of the same."""

    message: Message[Any]
    handler: Handler
    id: str
    others: tuple[Message[Any], ...] = ()
    record: Record | None = None
    """What is noted of it, or may be."""
    alone: bool = False
    running: bool = False
    key: Any = None
    rest: Sequence[Entry] = ()
    """The others of its batch, where it is the first of one."""


class Settlement:
    """Does what the policy says: acks, naks, notes, dead letters."""

    def __init__(
        self, ledger: Ledger[Entry], notes: KeyValue, undertaker: Undertaker, tally: WorkerTally
    ) -> None:
        self._ledger = ledger
        self._notes = notes
        self._undertaker = undertaker
        self._tally = tally

    async def again(self, message: Message[Any], *, same: bool) -> None:
        """It has its verdict already, or shares it: with a delivery of the same message, or another."""
        if same:
            self._tally.redelivered += 1
        else:
            self._tally.duplicates += 1
        await message.ack()

    async def course(self, entry: Entry) -> Course | None:
        """How to handle what was delivered before; None where it was settled here instead."""
        message = entry.message
        try:
            if noted := await self._notes.get(message.delivery.position_id):
                entry.record = _decode(noted)
        except TransportError as error:
            _log.warning("what was noted of %s is not known, it is tried again: %s", message, error)
            await self.give_back(entry, AGAIN_S)
            return None
        course = entry.handler.retry.on_redelivery(entry.record, message.attempt)
        if course is Course.BURY and entry.record is not None:
            reason = (
                "it was begun as often as it may be, and did not end the last time"
                if entry.record.suspect
                else "its handler raised as often as it may; the last error is in the log only, "
                "for its dead letter was refused"
            )
            await self._bury(entry, HandlerError(reason), entry.record)
            return None
        return course

    async def begin_alone(self, entry: Entry) -> bool:
        """Note that it is begun; False where that failed, and it was given back."""
        retry, attempt = entry.handler.retry, entry.message.attempt
        record = retry.on_start_alone(entry.record, attempt, now_rfc3339())
        try:
            noted = await self._note(entry, record)
        except asyncio.CancelledError:
            await self.interrupted(entry)  # it may be written already
            raise
        if not noted:
            await self.give_back(entry, AGAIN_S)
            return False
        return True

    def handled(self, entry: Entry) -> Awaitable[None]:
        """Its handler returned; what is returned has the broker told, and is to be awaited at once."""
        message = entry.message
        if message.returned or entry.others or entry.record is not None:
            return self._handled(entry)
        self._tally.handled += 1
        delivery = message.delivery
        self._ledger.settle(entry.id, delivery)
        return delivery.ack()

    async def _handled(self, entry: Entry) -> None:
        message = entry.message
        if message.returned:
            retry = entry.handler.retry
            await self._note(
                entry, retry.on_give_back(entry.record, message.attempt, alone=entry.alone)
            )
            await self.give_back(entry, 0)
            return
        self._tally.handled += 1
        self._ledger.settle(entry.id, message.delivery)
        await message.ack()
        for other in entry.others:
            await self.again(other, same=other.sequence == message.sequence)
        if entry.record is not None:
            await self._forget(entry)

    async def raised(self, entry: Entry, error: Exception, *, hold: bool) -> float | None:
        """Its handler raised; returns after how many seconds to try again, where it is held here."""
        message, retry = entry.message, entry.handler.retry
        self._tally.raised += 1
        record = retry.on_raise(entry.record, message.attempt, now_rfc3339(), alone=entry.alone)
        left = retry.left(record)
        if isinstance(error, Reject) or not left:
            await self._bury(entry, error, record)
            return None
        delay_s = retry.delay_s(record.spent, random.random())
        _log.warning(
            "%s raised on %s, which is tried again in %.1f s (%d attempts left)",
            entry.handler.name,
            message,
            delay_s,
            left,
            exc_info=error,
        )
        await self._note(entry, record)
        entry.alone = False
        if hold:
            return delay_s
        await self.give_back(entry, delay_s)
        return None

    async def excuse(self, entry: Entry) -> None:
        """Note that it is given back by us: it was interrupted or not begun, which spends nothing."""
        message, retry = entry.message, entry.handler.retry
        if not entry.alone:
            if message.attempt == 1 or entry.record is not None:
                await self._note(entry, retry.on_give_back(entry.record, message.attempt))
        elif entry.running and entry.record is not None:
            await self._note(entry, retry.on_interruption_alone(entry.record, message.attempt))

    async def interrupted(self, entry: Entry) -> None:
        """It was cancelled by us."""
        await self.excuse(entry)
        await self.give_back(entry, 0)

    def lost(self, entry: Entry) -> None:
        """Another reader has it now, and the say over it."""
        self._tally.returned += 1
        self._ledger.release(entry.id)

    async def give_back(self, entry: Entry, delay_s: float) -> None:
        """Without a verdict."""
        self._tally.returned += 1
        self._ledger.release(entry.id)
        for message in (entry.message, *entry.others):
            await message.nak(delay_s)

    async def _bury(self, entry: Entry, error: Exception, record: Record) -> None:
        message = entry.message
        if not await self._undertaker.bury(
            message.delivery,
            id=entry.id,
            error=error,
            attempts=record.spent,
            first=record.first,
        ):
            await self._note(entry, record)
            await self.give_back(entry, AGAIN_S)
            return
        self._tally.rejected += 1
        self._ledger.settle(entry.id, message.delivery, rejected=True)
        for other in entry.others:
            if other.sequence == message.sequence:
                await self.again(other, same=True)
            else:  # published twice: it has a right of its own, and to be judged by itself
                await other.nak()
        if entry.record is not None:
            await self._forget(entry)

    async def _note(self, entry: Entry, record: Record) -> bool:
        entry.record = record
        try:
            await self._notes.put(entry.message.delivery.position_id, _encode(record))
        except TransportError as error:
            _log.warning("the attempts of %s could not be noted: %s", entry.message, error)
            return False
        return True

    async def _forget(self, entry: Entry) -> None:
        try:
            await self._notes.delete(entry.message.delivery.position_id)
        except TransportError as error:
            _log.debug("a note is left until it is too old: %s", error)
