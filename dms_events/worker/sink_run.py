"""One run of a forwarder: the run of a worker whose handler is the sink."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from ..bus import Bus, Message, Subscription
from ..dead_letters import DeadLetterWriter
from ..sink import Pace
from ..transport import MemoryKeyValue
from .attempts import AttemptNotes, AttemptRecord
from .hand import Hand
from .handlers import Handler, Routes
from .ledger import Ledger
from .run import Ending, Run, Settings
from .settlement import InFlight, Settlement
from .sink_writer import SinkWriter
from .stats import Stats
from .words import say_start

__all__ = ["SinkRun"]


class SinkRun(Run):
    """A run without quarantine: a document kills no process, and a sink spends no attempts."""

    def __init__(
        self,
        bus: Bus,
        settings: Settings,
        handler: Handler,
        writer: SinkWriter,
        routes: Routes,
        ending: Ending,
        stats: Stats,
    ) -> None:
        super().__init__(bus, settings, routes, Ledger(settings.memory), ending, stats)
        self._handler = handler
        self._writer = writer

    @property
    def not_ready(self) -> str:
        """The reason why no messages are taken; empty if they are."""
        reason = self._writer.unavailable
        return f"the sink takes no documents: {reason}" if reason else super().not_ready

    def _hand(self) -> Hand:
        return _SinkHand(self._ledger.in_hand, self._handler, self._writer)

    async def _settlement(self) -> Settlement:
        durable = self._settings.durable or ""
        return _SinkSettlement(
            self._ledger,
            AttemptNotes(MemoryKeyValue()),
            DeadLetterWriter(self._bus.dead_letters.add, durable),
            self._stats,
        )

    async def _say_start(self, subscription: Subscription[Any]) -> None:
        # A sink is meant to begin with the stored events, so that is no warning.
        durable, where = self._settings.durable, self._bus.where
        await say_start(durable, where, subscription, self._routes.names, if_new=logging.INFO)


class _SinkSettlement(Settlement):
    """Settles without notes of attempts."""

    suspects = False

    async def note_returned(self, entry: InFlight) -> None:
        """Do nothing: redelivered messages are no suspects here."""

    async def _note(self, entry: InFlight, record: AttemptRecord, *, keep: bool = True) -> bool:
        return True


class _SinkHand(Hand):
    """Room for the batches that the sink takes at a time, and one more; none while it takes nothing."""

    def __init__(
        self, in_hand: Mapping[str, InFlight], handler: Handler, writer: SinkWriter
    ) -> None:
        super().__init__(in_hand)
        self._handler = handler
        self._writer = writer

    def has_room(self) -> bool:
        """True if there is room for more, by the present pace of the sink."""
        pace = self._ask()
        return self._writer.available and pace.pause_s <= 0 and super().has_room()

    def took(self, messages: Iterable[Message[Any]]) -> None:
        """Record one more take, which may have waited for long."""
        super().took(messages)
        self._ask()

    def _ask(self) -> Pace:
        pace = self._writer.pace()
        self._handler.batch, self._handler.batch_bytes = pace.batch, pace.batch_bytes
        self.most = pace.batch * (pace.writes + 1)
        self.most_bytes = pace.batch_bytes * pace.writes  # a take brings about one batch more
        return pace
