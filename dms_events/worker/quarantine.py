"""Quarantine: a message that was delivered before is looked up, and handled alone if it is a suspect.

It may have killed the process that had it. `policy` says who is a suspect; `slots` runs it alone.
"""

from __future__ import annotations

import asyncio
import logging

from .ordering import Order
from .policy import Decision
from .settlement import InFlight, Settlement
from .slots import Slots

__all__ = ["Quarantine"]

_log = logging.getLogger("dms_events")


class Quarantine:
    """Looks up what is noted of redelivered messages, then has each handled as that says."""

    def __init__(self, settlement: Settlement, slots: Slots[InFlight], order: Order) -> None:
        self._settlement = settlement
        self._slots = slots
        self._order = order
        self._lookups: set[asyncio.Task[None]] = set()

    def look_up(self, entry: InFlight) -> None:
        """Find out in a task how to handle a redelivered message; then have it handled."""
        lookup = asyncio.create_task(self._follow(entry))
        self._lookups.add(lookup)
        lookup.add_done_callback(self._looked_up)

    def cancel_lookups(self) -> None:
        """Leave unhandled what is not looked up yet."""
        for lookup in self._lookups:
            lookup.cancel()

    async def _follow(self, entry: InFlight) -> None:
        decision = await self._settlement.decide(entry)
        if decision is Decision.ALONE:
            entry.alone = True
            self._slots.put_alone(entry)
        elif decision is None:
            self._order.done(entry)
        elif entry.handler.key:
            self._slots.put(entry)
        else:
            self._order.arrange(entry)

    def _looked_up(self, lookup: asyncio.Task[None]) -> None:
        self._lookups.discard(lookup)
        self._slots.notify()
        if not lookup.cancelled() and (error := lookup.exception()):
            _log.error("a message is left unsettled: %r", error)
