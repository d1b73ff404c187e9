"""Quarantine: a message that was delivered before is looked up, and handled apart if it is a suspect.

A suspect may have killed the process that had it. `policy` says which messages are suspects, and how many
are tried at a time; `slots` runs them while nothing else runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable
from typing import Any

from ..dead_letters import AGAIN_S
from .ordering import Order
from .policy import Decision, group_size, may_join
from .settlement import InFlight, Settlement
from .slots import Slots

__all__ = ["Quarantine", "next_group"]

_log = logging.getLogger("dms_events")


def next_group(waiting: Iterable[InFlight]) -> int:
    """Return how many suspects, from the first on, are tried now; set the ``group`` of each."""
    waiting = list(waiting)
    size = group_size(entry.limit for entry in waiting)
    for entry in waiting[:size]:
        entry.group = size
    return size


class Quarantine:
    """Looks up the notes on redelivered messages, then has each message handled accordingly."""

    def __init__(self, settlement: Settlement, slots: Slots[InFlight], order: Order) -> None:
        self._settlement = settlement
        self._slots = slots
        self._order = order
        self._lookups: set[asyncio.Task[None]] = set()

    def look_up(self, entry: InFlight) -> None:
        """Find out in a task how to handle a redelivered message; then have it handled."""
        if self._settlement.suspects:
            self._in_task(self._follow(entry))
        else:
            self._order.arrange(entry)

    def _in_task(self, work: Coroutine[Any, Any, None]) -> None:
        lookup = asyncio.create_task(work)
        self._lookups.add(lookup)
        lookup.add_done_callback(self._looked_up)

    def cancel_lookups(self) -> None:
        """Cancel the lookups under way; their messages stay unhandled."""
        for lookup in self._lookups:
            lookup.cancel()

    async def begin(self, entry: InFlight) -> bool:
        """Note that a suspect is begun. Return False if that fails: it is not begun, but tried later."""
        if await self._settlement.begin_in_quarantine(entry):
            return True
        if entry.handler.key:
            # If given back, it would come behind the messages of its key that are held here.
            entry.running, entry.group = False, 0
            self._in_task(self._put_later(entry))
        else:
            await self._settlement.give_back(entry, AGAIN_S)
        return False

    async def _put_later(self, entry: InFlight) -> None:
        await asyncio.sleep(AGAIN_S)
        self._slots.put_suspect(entry)

    async def _follow(self, entry: InFlight) -> None:
        decision = await self._settlement.decide(entry)
        if decision is Decision.QUARANTINE:
            entry.limit = may_join(entry.record)
            self._slots.put_suspect(entry)
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
            _log.error(
                "the notes about a message could not be looked up; it stays unsettled: %r", error
            )
