"""`audit`: each difference between a stream and a store is named, with its reason, and nothing else."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import dms_events
from dms_events import Bus
from dms_events.audit import Audit, Finding, Reason, Summary
from dms_events.demo.fleet import fleet
from dms_events.sink import SupportsInventory
from dms_events_nats import NatsServer
from tests.kit.soak import SOAK, seeded, sized
from tests.kit.tampering import ElasticsearchStore, SqliteStore, Store, tamper

pytestmark = pytest.mark.soak

EVENTS = sized(5_000, 200_000)
TAMPERED = sized(7, 200)


@asynccontextmanager
async def auditing(bus: Bus, url: str, **options: Any) -> AsyncIterator[Audit]:
    """An audit of the durable ``sink`` and the store at a URL."""
    sink = dms_events.sink_for(url)
    assert isinstance(sink, SupportsInventory)
    settings = {"durable": "sink", "patterns": ["elk_stats.*"], **options}
    async with sink.inventory() as inventory, Audit(bus, inventory, **settings) as audit:
        yield audit


async def audited(bus: Bus, url: str, **options: Any) -> tuple[Summary, list[Finding]]:
    """The result of such an audit."""
    async with auditing(bus, url, **options) as audit:
        return await audit.run(), list(audit.findings())


async def fill(bus: Bus, url: str) -> None:
    """Publish events of two months, and store them."""
    end = datetime(2026, 3, 5, tzinfo=UTC)
    events = fleet(devices=50, events=EVENTS, seed=3, end=end)
    await bus.publish_many(
        bus.prepare(planned.event, source=planned.source, time=planned.time) for planned in events
    )
    async with dms_events.sink_for(url) as sink:
        forwarder = dms_events.Forwarder(bus, sink, durable="sink")
        forwarder.drain()
        async with asyncio.timeout(sized(60, 600)):
            stats = await forwarder.run()
    assert stats.stored == EVENTS


async def find_what_was_tampered_with(nats_url: str, url: str, store: Store) -> None:
    async with dms_events.connect(nats_url) as bus:
        await fill(bus, url)
        summary, findings = await audited(bus, url, deep=True)
        assert (summary.faults, findings, summary.reasons) == (0, [], {})
        assert set(summary.months) == {"2026.02", "2026.03"}
        months = summary.months.values()
        assert sum(month.stream for month in months) == EVENTS
        assert sum(month.sink for month in months) == EVENTS

        tampered = tamper(store, TAMPERED, seed=seeded(11))
        if SOAK:
            tracemalloc.start()
        summary, findings = await audited(bus, url, deep=True)
        if SOAK:  # a page of documents, a batch of messages and the cache, whatever their number
            assert tracemalloc.get_traced_memory()[1] < 64 << 20
            tracemalloc.stop()
        named = {kind: {f.id for f in findings if f.kind == kind} for kind in tampered._fields}
        assert named == tampered._asdict()
        assert len(findings) == summary.faults == sum(map(len, tampered))
        reasons = {"missing": Reason.ACKNOWLEDGED, "surplus": Reason.NOT_IN_STREAM}
        for finding in findings:
            assert finding.reason == reasons.get(finding.kind)
            if finding.kind == "altered":
                assert set(finding.fields) == {"dms.peer_id", "dms.peer_short"}
                assert finding.fields["dms.peer_short"][1] == ""
                assert finding.fields["dms.peer_id"][1] == '"somebody else"'

        shallow, findings = await audited(bus, url)
        assert shallow.faults == summary.faults - TAMPERED
        assert not [finding for finding in findings if finding.kind == "altered"]


async def test_exactly_the_documents_that_were_tampered_with_in_sqlite_are_named(
    nats_server: NatsServer, database: Path
) -> None:
    await find_what_was_tampered_with(nats_server.url, f"sqlite:{database}", SqliteStore(database))


@pytest.mark.slow
async def test_exactly_the_documents_that_were_tampered_with_in_elasticsearch_are_named(
    nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    url = empty_elasticsearch_url
    await find_what_was_tampered_with(nats_server.url, url, ElasticsearchStore(url))
