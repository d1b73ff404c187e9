"""Dispatch: the way of a message through a worker, from taken and routed to handled and settled."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from math import inf
from typing import Any, TypeVar

from ..aio import until_first
from ..bus import Message, Subscription
from ..dead_letters import AGAIN_S
from ..errors import TransportError
from .conclusion import Conclusion
from .hand import Hand
from .handlers import Handler, error_when_raised
from .keep_alive import keep_alive
from .ledger import Ledger
from .ordering import Order
from .ownership import Ownership
from .quarantine import Quarantine, next_group
from .settlement import InFlight, Settlement
from .slots import Slot, Slots
from .timeout import cancel_overdue, error_when_cancelled, error_when_returned_late, postpone
from .watchdog import Watchdog

__all__ = ["Dispatch"]

_CHUNK = 256
_MOST_LEFT = 10_000
_TICK_S = 0.25
_NOTE_RETURNED_S = 5.0
_MOST_REDELIVERIES = 100

T = TypeVar("T")


class Dispatch:
    """Takes messages out of a subscription and has each handled.

    `Hand` limits how many are held here. Few of them wait for a slot; the others wait for their key or
    their batch.
    """

    def __init__(
        self,
        subscription: Subscription[Any],
        table: Mapping[str, Handler],
        ledger: Ledger[InFlight],
        settlement: Settlement,
        concurrency: int,
        hand: Hand,
    ) -> None:
        self._subscription = subscription
        self._partitioned = subscription.partitioned
        self._table = table
        self._ledger = ledger
        self._hand = hand
        self._settlement = settlement
        self._slots: Slots[InFlight] = Slots(concurrency, self._handle, next_group)
        self._order = Order(
            self._begin, self._slots.put, self._later, lambda: self._slots.waiting > 0
        )
        self._quarantine = Quarantine(settlement, self._slots, self._order)
        self._conclusion = Conclusion(settlement, self._slots, self._order, self._later)
        self._ownership = Ownership(subscription, settlement, self._slots, self._order)
        self._taken: deque[Message[Any]] = deque()
        self._timers: set[asyncio.TimerHandle] = set()
        self._watchdog = Watchdog(table.values())
        self._ahead = max(_CHUNK, 2 * concurrency)

    async def run(self) -> None:
        """Handle messages until cancelled.

        Raises:
            TransportError: the subscription ended for good.
        """
        self._slots.open()
        with self._watchdog:
            await until_first(self._take(), self._keep(), self._slots.failed())

    @property
    def idle(self) -> bool:
        """True if no message is in hand."""
        return not self._ledger.in_hand

    def count(self) -> int:
        """Return how many messages are in hand."""
        return len(self._ledger.in_hand)

    def hold(self) -> None:
        """Begin no more messages."""
        self._slots.held = True

    async def finish(self, timeout_s: float) -> None:
        """Finish messages being handled, for up to ``timeout_s``; interrupt them, give back the rest.

        Pause the subscription before: it would take the messages given back.
        """
        self.hold()
        for timer in self._timers:
            timer.cancel()
        self._quarantine.cancel_lookups()
        self._slots.clear()
        keeping = asyncio.create_task(self._keep())
        try:
            await self._give_back_unbegun()
            await self._slots.until_idle(timeout_s)
        finally:
            keeping.cancel()
            await self._slots.close()
            rest = sorted(self._ledger.in_hand.values(), key=lambda entry: entry.message.sequence)
            await self._give_back(rest)

    def take_rest(self) -> None:
        """Take the messages that the subscription holds; `finish` gives them back with a note."""
        self._taken.extend(self._subscription.take_nowait(_MOST_LEFT))

    async def handle_rest(self, timeout_s: float) -> None:
        """Handle the messages held here, for up to ``timeout_s``; `finish` gives up the rest."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await until_first(self._settle_rest(), self._keep(), self._slots.failed())

    async def _settle_rest(self) -> None:
        while self._taken or not self.idle:
            while self._taken:
                if settling := self._admit(self._taken.popleft()):
                    await settling
            await self._slots.until(lambda: self.idle)
            self.take_rest()

    async def _give_back_unbegun(self) -> None:
        while self._taken:
            if settling := self._admit(self._taken.popleft(), begin=False):
                await settling
        entries = [entry for entry in self._ledger.in_hand.values() if not entry.running]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_NOTE_RETURNED_S):
                for start in range(0, len(entries), _CHUNK):
                    chunk = entries[start : start + _CHUNK]
                    await asyncio.gather(*map(self._settlement.note_returned, chunk))
        # Entries with a key come after the running ones, so they are given back after those.
        await self._give_back(entry for entry in entries if not entry.handler.key)

    async def _give_back(self, entries: Iterable[InFlight]) -> None:
        for entry in entries:
            with contextlib.suppress(TransportError):
                await self._settlement.give_back(entry, 0)

    async def _take(self) -> None:
        while True:
            await self._slots.until(self._has_room)
            self._taken.extend(await self._subscription.take(_CHUNK))
            self._hand.took(self._taken)
            while self._taken:
                if settling := self._admit(self._taken.popleft()):
                    await settling

    def _has_room(self) -> bool:
        return self._slots.waiting < self._ahead and self._hand.has_room()

    def _admit(self, message: Message[Any], *, begin: bool = True) -> Awaitable[None] | None:
        """Have a message handled, or return an awaitable that settles it without its handler."""
        ledger = self._ledger
        identity = message.identity
        if entry := ledger.in_hand.get(identity):
            if len(entry.redeliveries) >= _MOST_REDELIVERIES:
                return self._settlement.return_copy(message, AGAIN_S)
            entry.redeliveries += (message,)
            return None
        delivery = message.delivery
        attempt = delivery.attempt
        if (same := ledger.judged(identity, delivery, attempt)) is not None:
            return self._settlement.ack_again(message, same=same)
        handler = self._table[message.type_name]
        entry = ledger.in_hand[identity] = InFlight(message, handler, identity)
        if not begin:
            return None
        if attempt > 1 and not handler.key:
            self._quarantine.look_up(entry)
        elif handler.plain:
            self._slots.put(entry)
        else:
            self._order.arrange(entry)
        return None

    def _begin(self, entry: InFlight) -> None:
        """Begin the entry whose turn it is in its key; its notes are not looked up before."""
        if entry.message.attempt > 1:
            self._quarantine.look_up(entry)
        else:
            self._slots.put(entry)

    async def _handle(self, entry: InFlight, slot: Slot) -> None:
        handler = entry.handler
        timeout_s = handler.timeout_s
        entry.running = True
        if (entry.group or self._partitioned) and not await self._may_begin(entry):
            return
        if timeout_s is not None:
            slot.deadline = time.monotonic() + timeout_s
        error: Exception | None = None
        returned: object = None
        try:
            returned = await (handler.call(entry.message) if handler.plain else entry.call())
        except asyncio.CancelledError as cancelled:
            slot.deadline = inf
            if slot.closing:
                for one in (entry, *entry.batch_rest):
                    await self._settlement.interrupted(one)
                raise
            error = error_when_cancelled(slot, timeout_s, cancelled)
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - a handler may raise whatever it likes
            error = error_when_raised(raised)
        slot.deadline = inf
        slot.settling = True
        if slot.overdue and error is None:
            error = error_when_returned_late(slot, timeout_s)
        if error is not None:
            await self._conclusion.failed(entry, error)
        elif returned is not None:
            await self._conclusion.judged(entry, returned)
        elif not handler.plain:
            await self._conclusion.done(entry)
        elif not self._settlement.handled_at_once(entry):
            await self._settlement.handled(entry)

    async def _may_begin(self, entry: InFlight) -> bool:
        """True if the entry is still owned here and, if it is a suspect, its attempt is noted."""
        if self._partitioned and not await self._ownership.keep(entry):
            return False
        if not entry.group:
            return True
        if not await self._quarantine.begin(entry):
            return False
        return not self._partitioned or await self._ownership.keep(entry)

    def _later(self, delay_s: float, call: Callable[[T], None], what: T) -> None:
        def due() -> None:
            self._timers.discard(timer)
            call(what)

        timer = asyncio.get_running_loop().call_later(delay_s, due)
        self._timers.add(timer)

    async def _keep(self) -> None:
        """Keep the messages in hand alive at the broker, and cancel handlers that take too long."""
        loop = asyncio.get_running_loop()
        every_s = self._subscription.ack_wait_s / 3
        due = loop.time() + every_s
        tick_s = min(_TICK_S, every_s)
        while True:
            await asyncio.sleep(tick_s)
            postpone(self._slots.all, self._watchdog.tick(tick_s))
            cancel_overdue(self._slots.all)
            self._slots.notify()  # whether there is room may depend on the time
            if loop.time() < due:
                continue
            due = loop.time() + every_s
            entries = list(self._ledger.in_hand.values())
            await keep_alive(message for entry in entries for message in entry.newest())
