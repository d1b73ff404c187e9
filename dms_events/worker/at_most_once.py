"""A worker without a durable: at most once, since nobody keeps a message that it does not handle."""

from __future__ import annotations

from typing import Any

from ..bus import Bus, Message
from ..dead_letters import DeadLetterWriter
from ..errors import HandlerError
from ..transport import MemoryKeyValue
from .attempts import AttemptNotes
from .ledger import Ledger
from .settlement import InFlight, Settlement
from .stats import Stats

__all__ = ["AtMostOnce"]


class AtMostOnce(Settlement):
    """Settles without a store: retries wait here, and messages left at the end are thrown away."""

    def __init__(self, bus: Bus, ledger: Ledger[InFlight], stats: Stats) -> None:
        self._throw_away = bus.discards.throw_away
        writer = DeadLetterWriter(self._throw_away)
        super().__init__(ledger, AttemptNotes(MemoryKeyValue()), writer, stats)

    async def raised(self, entry: InFlight, error: Exception, *, hold: bool) -> float | None:
        """Do the same as `Settlement.raised`, but always try again in this process."""
        return await super().raised(entry, error, hold=True)

    async def again(self, entry: InFlight, delay_s: float, *, hold: bool) -> bool:
        """Do the same as `Settlement.again`, but always wait in this process."""
        return await super().again(entry, delay_s, hold=True)

    async def note_returned(self, entry: InFlight) -> None:
        """Do nothing: nobody would read the note."""

    async def give_back(self, entry: InFlight, delay_s: float) -> None:
        """Throw the message away, unless its handler gave it back to a transport that keeps it."""
        if entry.message.returned:
            await super().give_back(entry, delay_s)
            return
        self._stats.lost += 1
        self._ledger.release(entry.identity)
        message = entry.message
        error = HandlerError("its worker ended before it was handled, and had no durable")
        await self._throw_away(message.delivery, id=message.id, error=error, reader="")
        for other in entry.redeliveries:
            await self.return_copy(other, delay_s)

    async def return_copy(self, message: Message[Any], delay_s: float) -> None:
        """Acknowledge a copy: it shares the verdict of the first message of its identity."""
        self._stats.duplicates_by_type[message.type_name] += 1
        await message.ack()
