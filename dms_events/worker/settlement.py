"""Settle each message that a worker took: ack, nak, note of attempts, or dead letter."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

import msgspec

from ..bus import Message
from ..bus.failure_log import log_failure
from ..dead_letters import AGAIN_S, DeadLetterWriter
from ..errors import ConnectionLostError, HandlerError, Reject, TransportError
from ..identity import now_rfc3339
from .attempts import AttemptNotes, AttemptRecord
from .handlers import Handler
from .ledger import Ledger
from .outcome import DONE, Done
from .policy import Decision
from .stats import Stats

__all__ = ["InFlight", "Settlement"]

_log = logging.getLogger("dms_events")
_NOTABLE_S = 0.05


def _attempts(count: int) -> str:
    return f"{count} attempt{'' if count == 1 else 's'}"


class InFlight(msgspec.Struct, eq=False):
    """One identity in hand: its message, its redeliveries, and the record of its attempts."""

    message: Message[Any]
    handler: Handler
    identity: str
    redeliveries: tuple[Message[Any], ...] = ()
    record: AttemptRecord | None = None
    """The record that is noted, or may be noted."""
    limit: int = 0
    """If it is a suspect: the largest group in which it may be tried."""
    group: int = 0
    """The number of suspects tried together with it, itself included; 0 if beside others."""
    running: bool = False
    key: Any = None
    batch_rest: Sequence[InFlight] = ()
    """The other entries of its batch, if it is the first."""

    @property
    def alone(self) -> bool:
        """True if it is tried alone, so that a crash is its own."""
        return self.group == 1

    def call(self) -> Awaitable[object]:
        """Call its handler, with the rest of its batch. Raise the error of its key, if there is one."""
        if self.batch_rest:
            for one in self.batch_rest:
                one.running = True
            return self.handler.call(self.message, [one.message for one in self.batch_rest])
        if isinstance(self.key, Exception):
            raise self.key
        return self.handler.call(self.message)

    def newest(self) -> Iterable[Message[Any]]:
        """Return the newest delivery of each of its messages."""
        if not self.redeliveries:
            return (self.message,)
        return {m.delivery.position: m for m in (self.message, *self.redeliveries)}.values()


class Settlement:
    """Carries out the policy: acks, naks, notes, dead letters."""

    suspects = True
    """True if redelivered messages are looked up, and may be handled in quarantine."""

    def __init__(
        self,
        ledger: Ledger[InFlight],
        attempts: AttemptNotes,
        dead_letter_writer: DeadLetterWriter,
        stats: Stats,
    ) -> None:
        self._ledger = ledger
        self._attempts = attempts
        self._dead_letter_writer = dead_letter_writer
        self._stats = stats

    async def ack_again(self, message: Message[Any], *, same: bool) -> None:
        """Ack a message whose identity has a verdict: a redelivery if ``same``, else a duplicate."""
        if same:
            self._stats.redelivered += 1
        else:
            self._stats.duplicates_by_type[message.type_name] += 1
            self._ledger.settle(message.identity)
        await message.ack()

    async def decide(self, entry: InFlight) -> Decision | None:
        """Return how to handle a redelivered message; None if it was settled here instead."""
        message = entry.message
        while True:
            try:
                entry.record = await self._attempts.get(message)
            except TransportError as error:
                _log.warning(
                    "the attempts of %s cannot be read; the next try is in 5 s: %s", message, error
                )
                if not entry.handler.key:
                    await self.give_back(entry, AGAIN_S)
                    return None
                # If given back, it would come behind the messages of its key that are held here.
                await asyncio.sleep(AGAIN_S)
            else:
                break
        decision = entry.handler.retry.on_redelivery(entry.record, message.attempt)
        if decision is Decision.BURY and entry.record is not None:
            reason = (
                "its handler was started as often as it may be, and did not end the last time"
                if entry.record.suspect
                else "its handler raised as often as it may; the last error is in the log only, "
                "because its dead letter was refused then"
            )
            await self._bury(entry, HandlerError(reason), entry.record)
            return None
        return decision

    async def begin_in_quarantine(self, entry: InFlight) -> bool:
        """Note that a suspect is begun; return False if that failed."""
        retry, attempt = entry.handler.retry, entry.message.attempt
        record = retry.on_start_in_quarantine(
            entry.record, attempt, now_rfc3339(), group=entry.group
        )
        try:
            noted = await self._note(entry, record, keep=False)
        except asyncio.CancelledError:
            await self.interrupted(entry)  # the note may be written already
            raise
        return noted

    def handled_at_once(self, entry: InFlight) -> bool:
        """Do the same as `handled` if there is nothing to wait for; else do nothing and return False."""
        message = entry.message
        if message.returned or entry.redeliveries or entry.record is not None:
            return False
        if not message.delivery.ack_soon():
            return False
        self._stats.handled_by_type[message.type_name] += 1
        self._ledger.settle(entry.identity)
        return True

    async def done(self, entry: InFlight, outcome: Done = DONE) -> None:
        """Do the same as `handled`, at once if it has nothing to wait for."""
        if outcome != DONE or not self.handled_at_once(entry):
            await self.handled(entry, outcome)

    async def handled(self, entry: InFlight, outcome: Done = DONE) -> None:
        """Record success and acknowledge all deliveries; or give back, if its handler did so."""
        message = entry.message
        if message.returned:
            retry = entry.handler.retry
            await self._note(
                entry, retry.on_give_back(entry.record, message.attempt, alone=entry.alone)
            )
            await self.give_back(entry, 0)
            return
        self._stats.counts_of(outcome)[message.type_name] += 1
        self._ledger.settle(entry.identity)
        await message.ack()
        position = message.delivery.position
        for other in entry.redeliveries:
            await self.ack_again(other, same=other.delivery.position == position)
        if entry.record is not None:
            await self._attempts.forget(entry.message)

    async def raised(self, entry: InFlight, error: Exception, *, hold: bool) -> float | None:
        """Retry or give up after its handler raised; return the seconds to wait if it is held here."""
        message, retry = entry.message, entry.handler.retry
        self._stats.raised += 1
        record = retry.on_raise(entry.record, message.attempt, now_rfc3339(), alone=entry.alone)
        left = retry.left(record)
        name = entry.handler.name
        if isinstance(error, Reject) or not left:
            rejected = "rejected" if isinstance(error, Reject) else "raised for the last time on"
            what = f"{name} {rejected} {message}, after {_attempts(record.spent)}"
            log_failure(message, error, what, level=logging.ERROR)
            await self._bury(entry, error, record)
            return None
        delay_s = retry.delay_s(record.spent, random.random())
        when = f"in {delay_s:.1f} s" if delay_s >= _NOTABLE_S else "at once"
        what = f"{name} raised on {message}, which is tried again {when} ({_attempts(left)} left)"
        log_failure(message, error, what)
        await self._note(entry, record)
        entry.group = 0
        if hold:
            return delay_s
        await self.give_back(entry, delay_s)
        return None

    async def again(self, entry: InFlight, delay_s: float, *, hold: bool) -> bool:
        """Retry later, as its handler asks; spends no attempt. Return True if it is held here."""
        message, retry = entry.message, entry.handler.retry
        self._stats.again_by_type[message.type_name] += 1
        await self._note(
            entry, retry.on_give_back(entry.record, message.attempt, alone=entry.alone)
        )
        entry.group = 0
        if not hold:
            self._stats.delays.add(delay_s)
            await self.give_back(entry, delay_s)
        return hold

    async def dead(self, entry: InFlight, error: Exception) -> None:
        """Give a message up, as its handler asks."""
        message, retry = entry.message, entry.handler.retry
        record = retry.on_raise(entry.record, message.attempt, now_rfc3339(), alone=entry.alone)
        await self._bury(entry, error, record)

    async def note_returned(self, entry: InFlight) -> None:
        """Note that the worker gives it back, interrupted or not begun; this spends no attempt."""
        message, retry = entry.message, entry.handler.retry
        if not entry.group:
            if message.attempt == 1 or entry.record is not None:
                await self._note(entry, retry.on_give_back(entry.record, message.attempt))
        elif entry.running and entry.record is not None:
            record = retry.on_interruption(entry.record, message.attempt, group=entry.group)
            await self._note(entry, record)

    async def interrupted(self, entry: InFlight) -> None:
        """Give back a message whose handling the worker cancelled."""
        await self.note_returned(entry)
        await self.give_back(entry, 0)

    def lost(self, entry: InFlight) -> None:
        """Forget a message that another reader owns now."""
        self._stats.returned += 1
        self._ledger.release(entry.identity)

    async def give_back(self, entry: InFlight, delay_s: float) -> None:
        """Give back all deliveries without a verdict."""
        self._stats.returned += 1 + len(entry.redeliveries)
        self._ledger.release(entry.identity)
        for message in (entry.message, *entry.redeliveries):
            with contextlib.suppress(ConnectionLostError):  # then it is delivered again
                await message.nak(delay_s)

    async def return_copy(self, message: Message[Any], delay_s: float) -> None:
        """Give back another message of an identity that is in hand, or was given up just now."""
        self._stats.returned += 1
        await message.nak(delay_s)

    async def _bury(self, entry: InFlight, error: Exception, record: AttemptRecord) -> None:
        message = entry.message
        if not await self._dead_letter_writer.write(
            message.delivery,
            id=message.id,
            error=error,
            attempts=record.spent,
            first=record.first,
        ):
            await self._note(entry, record)
            await self.give_back(entry, AGAIN_S)
            return
        self._stats.rejected_by_type[message.type_name] += 1
        self._ledger.reject(entry.identity, message.delivery)
        for other in entry.redeliveries:
            if other.delivery.position == message.delivery.position:
                await self.ack_again(other, same=True)
            else:  # published twice: this message gets a verdict of its own
                await self.return_copy(other, 0)
        if entry.record is not None:
            await self._attempts.forget(entry.message)

    async def _note(self, entry: InFlight, record: AttemptRecord, *, keep: bool = True) -> bool:
        entry.record = record
        return await self._attempts.put(entry.message, record, keep=keep)
