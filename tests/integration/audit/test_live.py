"""`audit` beside a publisher and a sink that run."""

from __future__ import annotations

import asyncio

import dms_events
from dms_events import Bus
from dms_events.audit import FAULTS
from tests.kit.storing import prepared

from .test_audit import audited
from .test_reasons import bus, stored, url

__all__ = ["bus", "url"]

ROUNDS = 5


async def test_an_audit_beside_a_running_sink_finds_no_fault(bus: Bus, url: str) -> None:
    await stored(bus, url, 100)

    async def publish() -> None:
        first = 100
        while True:
            await bus.publish_many(prepared(bus, 20, first))
            first += 20
            await asyncio.sleep(0)

    async with dms_events.sink_for(url) as sink:
        forwarder = dms_events.Forwarder(bus, sink, durable="sink")
        forwarding, publishing = map(asyncio.create_task, (forwarder.run(), publish()))
        held = []
        for _ in range(ROUNDS):
            summary, findings = await audited(bus, url, deep=True)
            assert (summary.faults, findings) == (0, [])
            assert not FAULTS & summary.reasons.keys()
            held.append(sum(month.stream for month in summary.months.values()))
        publishing.cancel()
        forwarder.stop()
        await forwarding
    assert held == sorted(set(held)), "the stream did not grow"
