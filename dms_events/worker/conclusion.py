"""Conclusion: the steps after a call of a handler, by its outcome or by its error."""

from __future__ import annotations

from collections.abc import Callable

from ..bus.failure_log import log_failure
from ..errors import HandlerError
from .ordering import Order
from .outcome import DONE, Dead, Done, Outcome, outcomes_of
from .settlement import InFlight, Settlement
from .slots import Slots

__all__ = ["Conclusion"]


class Conclusion:
    """Settles the messages of a call, or has them handled again here.

    Args:
        later: calls a function with an entry after so many seconds.
    """

    def __init__(
        self,
        settlement: Settlement,
        slots: Slots[InFlight],
        order: Order,
        later: Callable[[float, Callable[[InFlight], None], InFlight], None],
    ) -> None:
        self._settlement = settlement
        self._slots = slots
        self._order = order
        self._later = later

    async def done(self, first: InFlight) -> None:
        """Settle all messages of the call as handled."""
        for one in (first, *first.batch_rest):
            await self._settlement.done(one)
        self._order.done(first)

    async def judged(self, first: InFlight, returned: object) -> None:
        """Settle the messages of the call by the value that its handler returned, which is not None."""
        batch = (first, *first.batch_rest)
        try:
            outcomes = outcomes_of(returned, len(batch))
        except HandlerError as error:
            await self.failed(first, error)
            return
        first.batch_rest = ()
        for one, outcome in zip(batch, outcomes, strict=True):
            await self._settle(one, outcome)

    async def _settle(self, entry: InFlight, outcome: Outcome) -> None:
        settlement = self._settlement
        if isinstance(outcome, Done) or entry.message.returned:
            await settlement.done(entry, outcome if isinstance(outcome, Done) else DONE)
        elif isinstance(outcome, Dead):
            await settlement.dead(entry, outcome.error)
        elif await settlement.again(entry, outcome.delay_s, hold=entry.handler.key is not None):
            self._hold(entry, outcome.delay_s)
            return
        self._order.done(entry)

    async def failed(self, entry: InFlight, error: Exception) -> None:
        """Retry or give up after the handler raised.

        Raises:
            Exception: ``error``, if the handler is fatal.
        """
        if entry.handler.fatal:
            raise error
        if entry.batch_rest:
            await self._split(entry, error)
            return
        if entry.message.returned:
            # The broker delivers it again, so it must not be tried again here too.
            log_failure(
                entry.message, error, f"{entry.handler.name} gave back {entry.message}, and raised"
            )
            await self._settlement.handled(entry)
            self._order.done(entry)
            return
        hold = entry.handler.key is not None
        delay_s = await self._settlement.raised(entry, error, hold=hold)
        if delay_s is not None:
            self._hold(entry, delay_s)
        else:
            self._order.done(entry)

    def _hold(self, entry: InFlight, delay_s: float) -> None:
        """Keep the entry here until its next attempt; it takes no slot meanwhile."""
        entry.running = False
        self._later(delay_s, self._slots.put, entry)

    async def _split(self, first: InFlight, error: Exception) -> None:
        """Handle each message of the batch by itself, since one may be to blame; spend no attempt."""
        batch = (first, *first.batch_rest)
        first.batch_rest = ()
        log_failure(first.message, error, f"{first.handler.name} raised on {len(batch)} messages")
        for one in batch:
            one.running = False
            if one.message.returned:
                await self._settlement.handled(one)
            else:
                self._slots.put(one)
