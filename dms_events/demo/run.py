"""The demo: publish this machine and a fleet, forward them into sinks, and count both ends."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import msgspec

from .. import registry
from ..aio import cancelled, task_group
from ..bus import Bus
from ..errors import ConfigError, ExtraNotInstalledError, SinkError
from ..report import write_report
from ..sink import Sink
from ..transport import OutgoingMessage
from ..urls import connect, sink_for
from ..worker import Forwarder
from .fleet import fleet
from .machine import Machine, measure
from .peers import peer_id

__all__ = ["Demo", "Outcome", "Row", "SinkResult"]

_CHUNK = 1000
_FINISH_S = 20.0
_REPORT_S = 0.1


class Row(msgspec.Struct):
    """The figures of one type's events."""

    type_name: str
    published: int
    stored: int
    duplicates: int
    rejected: int


class SinkResult(msgspec.Struct):
    """The results of one sink, as its forwarder counted them; the sink itself counted ``present``."""

    name: str
    stored: int
    duplicates: int
    rejected: int
    present: dict[str, int]


class Outcome(msgspec.Struct):
    """The figures of a demo."""

    rows: list[Row]
    published: int
    seconds: float
    """Time from the start of publishing to the last settled event."""
    interrupted: bool
    database: Path
    report: Path
    elasticsearch: SinkResult | None

    @property
    def stored(self) -> int:
        """Number of documents, counted in the database."""
        return sum(row.stored for row in self.rows)

    @property
    def complete(self) -> bool:
        """True if every sink stores all published events.

        A write to Elasticsearch that timed out may still have stored its events; writing again then finds
        duplicates. All identities of the demo are new, so such duplicates are stored events too.
        """
        other = self.elasticsearch
        there = self.published if other is None else other.stored + other.duplicates
        return self.stored == self.published == there


class Demo:
    """One run of the demo.

    Args:
        devices: size of the simulated fleet.
        events: number of events that the fleet reports; this machine's event is added to them.
        seed: seed of the simulation; the same seed at the same time gives the same fleet.
        folder: folder for the database and the report; it must not hold those of an earlier run.
        elasticsearch: URL of a server to forward to as well.
        progress: called with (published, settled by all sinks) while the demo runs.
    """

    def __init__(
        self,
        *,
        devices: int,
        events: int,
        seed: int,
        folder: Path,
        elasticsearch: str | None = None,
        progress: Callable[[int, int], None] = lambda published, settled: None,
    ) -> None:
        self.folder = folder
        self.database = folder / "events.db"
        if self.database.exists():
            raise ConfigError("--keep", f"{folder} holds an earlier run; name another folder")
        self.machine: Machine = measure()
        self.total = events + 1
        self._planned = fleet(devices=devices, events=events, seed=seed, end=datetime.now(UTC))
        self._elasticsearch = sink_for(elasticsearch) if elasticsearch else None
        self._progress = progress
        self._published: Counter[str] = Counter()
        self._interrupted = False
        self._limit = asyncio.Timeout(None)
        self._forwarders: list[Forwarder] = []

    @property
    def moving(self) -> bool:
        """True once events are being published and forwarded."""
        return bool(self._forwarders)

    def interrupt(self) -> None:
        """Publish no more, forward the published events, and finish, within 20 s."""
        self._interrupted = True
        self._limit.reschedule(asyncio.get_running_loop().time() + _FINISH_S)

    async def run(self) -> Outcome:
        """Run the demo.

        Raises:
            DmsEventsError: a part could not start, or failed for good.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError("--keep", f"{self.folder}: {error.strerror or error}") from error
        async with AsyncExitStack() as stack:
            bus = await stack.enter_async_context(_bus())
            sqlite = await stack.enter_async_context(sink_for(f"sqlite:{self.database.resolve()}"))
            sinks = {"SQLite": sqlite}
            if self._elasticsearch:
                sinks["Elasticsearch"] = await stack.enter_async_context(self._elasticsearch)
            started = time.perf_counter()
            try:
                async with self._limit:
                    await self._move(bus, sinks)
            except TimeoutError:
                reason = "the events published before the interruption are not stored after 20 s"
                raise SinkError(reason) from None
            seconds = time.perf_counter() - started
            results = [
                SinkResult(name, t.handled, t.duplicates, t.rejected, await sink.count())
                for (name, sink), t in zip(
                    sinks.items(), [f.stats for f in self._forwarders], strict=True
                )
            ]
        report = self.folder / "report.html"
        write_report(self.database, report)
        return Outcome(
            rows=list(self._rows(results[0].present)),
            published=self._published.total(),
            seconds=seconds,
            interrupted=self._interrupted,
            database=self.database,
            report=report,
            elasticsearch=results[1] if self._elasticsearch else None,
        )

    async def _move(self, bus: Bus, sinks: dict[str, Sink]) -> None:
        self._forwarders = [
            Forwarder(bus, sink, durable=f"demo-{name}") for name, sink in sinks.items()
        ]

        reporting = asyncio.create_task(self._report())
        try:
            async with task_group() as tasks:
                for forwarder in self._forwarders:
                    tasks.create_task(forwarder.run())
                await self._publish(bus)
                for forwarder in self._forwarders:
                    forwarder.drain()
        finally:
            await cancelled(reporting)
        self._say_progress()

    async def _publish(self, bus: Bus) -> None:
        source = iter(self._prepared(bus))
        while chunk := list(islice(source, _CHUNK)):
            await bus.publish_many(chunk)
            self._published.update(message.type_name for message in chunk)
            if self._interrupted:
                return

    def _prepared(self, bus: Bus) -> Iterator[OutgoingMessage]:
        own = peer_id(random.Random(str(self.machine)))
        yield bus.prepare(self.machine.onboarded(own), source=own)
        for planned in self._planned:
            yield bus.prepare(planned.event, source=planned.source, time=planned.time)

    async def _report(self) -> None:
        while True:
            self._say_progress()
            await asyncio.sleep(_REPORT_S)

    def _say_progress(self) -> None:
        all_ = [forwarder.stats for forwarder in self._forwarders]
        settled = min(each.handled + each.duplicates + each.rejected for each in all_)
        self._progress(self._published.total(), settled)

    def _rows(self, present: dict[str, int]) -> Iterator[Row]:
        by_type = self._forwarders[0].stats.by_type
        for name in registry.matching("elk_stats.*"):
            counts = by_type.get(name, {})
            yield Row(
                name,
                self._published[name],
                present.get(name, 0),
                counts.get("duplicates", 0),
                counts.get("rejected", 0),
            )


@asynccontextmanager
async def _bus() -> AsyncIterator[Bus]:
    """Yield a bus on its own nats-server, with a temporary store."""
    try:
        from dms_events_nats import NatsServer
    except ImportError as error:
        raise ExtraNotInstalledError("demo", "the demo") from error
    async with NatsServer() as server, connect(server.url) as bus:
        yield bus
