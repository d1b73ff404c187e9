"""Ownership: before a message is begun, check that no other reader owns it meanwhile."""

from __future__ import annotations

from typing import Any

from ..bus import Subscription
from .ordering import Order
from .settlement import InFlight, Settlement
from .slots import Slots

__all__ = ["Ownership"]


class Ownership:
    """Leaves out messages of a partition that another reader owns meanwhile."""

    def __init__(
        self,
        subscription: Subscription[Any],
        settlement: Settlement,
        slots: Slots[InFlight],
        order: Order,
    ) -> None:
        self._subscription = subscription
        self._settlement = settlement
        self._slots = slots
        self._order = order

    async def keep(self, first: InFlight) -> bool:
        """Leave out lost entries; waits while the owner is in doubt. Return True if ``first`` is kept."""
        entries = (first, *first.batch_rest)
        first.batch_rest = ()
        kept = [one for one in entries if await self._still_owned(one)]
        for one in entries:
            if one not in kept:
                self._settlement.lost(one)
                await self._end_lost(one)
        if first in kept:
            first.batch_rest = kept[1:]
            return True
        for one in kept:
            self._slots.put(one)
        return False

    async def _still_owned(self, entry: InFlight) -> bool:
        """True if one of its deliveries is still owned here; that one becomes its message."""
        for message in (entry.message, *entry.redeliveries):
            if await self._subscription.still_owned(message):
                entry.message = message
                entry.redeliveries = tuple(
                    other for other in entry.redeliveries if other is not message
                )
                return True
        return False

    async def _end_lost(self, entry: InFlight) -> None:
        """End a lost entry and the lost ones waiting behind it, before one of them can come again.

        Else a message that comes again would queue behind its own successors.
        """
        while (following := self._order.following(entry)) is not None:
            if await self._still_owned(following):
                break
            self._settlement.lost(self._order.skip(entry))
        self._order.done(entry)
