"""One run of a worker: from an open bus to the end of its last message."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, suppress
from typing import Any, Literal

import msgspec

from ..aio import set_within, until_first
from ..bus import Bus, Subscription
from ..dead_letters import DeadLetterWriter
from ..errors import ConfigError, ConnectionLostError
from ..names import check_durable
from ..transport import KeyValue, MemoryKeyValue, SupportsNotes
from .at_most_once import AtMostOnce
from .attempts import AttemptNotes
from .dispatch import Dispatch
from .hand import Hand
from .handlers import Routes
from .ledger import Ledger
from .settlement import InFlight, Settlement
from .stats import Stats
from .words import figures, say_figures, say_start

__all__ = ["Ending", "Run", "Settings"]

_log = logging.getLogger("dms_events")
_POLL_S = 0.1


class Settings(msgspec.Struct, kw_only=True):
    """How a worker runs: the arguments of `Worker`.

    Raises:
        ConfigError: a number is out of range, or one needs a durable.
    """

    durable: str | None
    concurrency: int
    prefetch: int
    ack_wait_s: float
    start: Literal["all", "new"] | None
    memory: int
    drain_s: float
    partitioned: bool
    must_exist: bool
    figures_every_s: float

    def __post_init__(self) -> None:
        for name in ("concurrency", "memory"):
            if getattr(self, name) < 1:
                raise ConfigError(name, f"must be at least 1, not {getattr(self, name)}")
        if self.drain_s < 0:
            raise ConfigError("drain_s", f"must be 0 seconds or more, not {self.drain_s}")
        if self.durable is None:
            self._check_without_durable()
        else:
            check_durable(self.durable, partitioned=self.partitioned)

    def _check_without_durable(self) -> None:
        for name, asked in (
            ("partitioned", self.partitioned),
            ("must_exist", self.must_exist),
            ("start", self.start == "all"),
        ):
            if asked:
                raise ConfigError(name, "it takes a durable, and this worker has none")


class Ending:
    """The request to end a run; it may come before the run begins."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.draining = False
        self.on_stop: Callable[[], None] = lambda: None

    def stop(self) -> None:
        """Take no more messages, finish those being handled, and give back the rest."""
        self.stopping.set()
        self.on_stop()

    async def wait(self) -> None:
        """Wait for the request to end, in a run that handles no messages."""
        while not (self.stopping.is_set() or self.draining):
            await set_within(self.stopping, _POLL_S)


class Run:
    """Handles the messages of one subscription until it is told to end."""

    def __init__(
        self,
        bus: Bus,
        settings: Settings,
        routes: Routes,
        ledger: Ledger[InFlight],
        ending: Ending,
        stats: Stats,
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._routes = routes
        self._ledger = ledger
        self._ending = ending
        self._stats = stats
        stats.held = ledger.in_hand
        self._dispatch: Dispatch | None = None

    @property
    def not_ready(self) -> str:
        """The reason why no messages are taken; empty if they are."""
        if self._ending.stopping.is_set():
            return "it is ending"
        return "" if self._dispatch is not None else "it is not subscribed yet"

    async def work(self) -> None:
        """Handle messages; return when the run has ended after `Worker.stop` or `Worker.drain`.

        Raises:
            ConfigError: the durable exists for other types.
            TransportError: nothing answers, or the subscription ended for good.
        """
        settings = self._settings
        subscription = self._bus.subscribe(
            *self._routes.patterns,
            durable=settings.durable,
            start=settings.start,
            prefetch=settings.prefetch,
            ack_wait_s=settings.ack_wait_s,
            partitioned=settings.partitioned,
            must_exist=settings.must_exist,
        )
        self._stats.reading = subscription
        try:
            async with AsyncExitStack() as stack:
                await self._unless_stopped(self._open(subscription, stack))
                if self._dispatch is not None:
                    await self._handle(self._dispatch, subscription)
        finally:
            if self._stats.lost:
                _log.warning("%d messages are lost: there was no durable", self._stats.lost)

    async def _open(self, subscription: Subscription[Any], stack: AsyncExitStack) -> None:
        settlement = await self._settlement()
        await stack.enter_async_context(subscription)
        self._stats.delays.most = subscription.facts.most_unsettled
        table, concurrency = self._routes.table(), self._settings.concurrency
        self._dispatch = Dispatch(
            subscription, table, self._ledger, settlement, concurrency, self._hand()
        )
        if self._settings.durable is not None:  # other workers get the messages that wait here
            self._ending.on_stop = self._dispatch.hold

    def _hand(self) -> Hand:
        return Hand(self._ledger.in_hand)

    async def _settlement(self) -> Settlement:
        bus, durable = self._bus, self._settings.durable
        if durable is None:
            return AtMostOnce(bus, self._ledger, self._stats)
        notes = AttemptNotes(await self._notes(durable))
        writer = DeadLetterWriter(bus.dead_letters.add, durable)
        return Settlement(self._ledger, notes, writer, self._stats)

    async def _notes(self, durable: str) -> KeyValue:
        noting: SupportsNotes | None = self._bus.transport.capability(SupportsNotes)
        if noting is not None:
            return await noting.notes(durable)
        _log.warning(
            "%s on %s: this transport keeps no notes. Attempts are counted anew when this process "
            "ends, and a message that kills the process is not recognized",
            durable,
            self._bus.where,
        )
        return MemoryKeyValue()

    async def _handle(self, dispatch: Dispatch, subscription: Subscription[Any]) -> None:
        durable, drain_s = self._settings.durable, self._settings.drain_s
        try:
            await self._unless_stopped(self._say_start(subscription))
            every_s = self._settings.figures_every_s
            name = durable or "at most once"
            saying = say_figures(name, self._said, dispatch.count, every_s)
            await until_first(dispatch.run(), self._until_asked(dispatch, subscription), saying)
        except asyncio.CancelledError:
            drain_s = 0
            raise
        finally:
            self._ending.stop()  # also if it ends for another reason
            try:
                await subscription.pause()
            except asyncio.CancelledError:
                drain_s = 0
                raise
            finally:
                await self._drain(dispatch, drain_s)

    async def _say_start(self, subscription: Subscription[Any]) -> None:
        durable, where = self._settings.durable, self._bus.where
        await say_start(durable, where, subscription, self._routes.names)

    def _said(self) -> str:
        return figures(self._stats.figures(), "handled")

    async def _drain(self, dispatch: Dispatch, drain_s: float) -> None:
        """Give back the rest; without a durable handle it, since no other worker would."""
        dispatch.take_rest()
        try:
            if self._settings.durable is None and drain_s:
                rest_s, drain_s = drain_s, 0
                await dispatch.handle_rest(rest_s)
        finally:
            await dispatch.finish(drain_s)

    async def _unless_stopped(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work, but cancel it at `stop`: a server may take long to answer."""
        await until_first(work, set_within(self._ending.stopping, None))

    async def _until_asked(self, dispatch: Dispatch, subscription: Subscription[Any]) -> None:
        ending = self._ending
        while not ending.stopping.is_set():
            await set_within(ending.stopping, _POLL_S)
            if ending.draining and dispatch.idle:
                with suppress(ConnectionLostError):
                    if not await subscription.backlog():
                        return
