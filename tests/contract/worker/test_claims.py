"""Claims of envelopes that differ from the transport's source, as workers count them."""

from __future__ import annotations

import pytest

from dms_events import Bus, Forwarder, Worker
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call
from tests.contract.worker.working import drained
from tests.unit.worker.scripted_sink import ScriptedSink

CALL = "elk_stats.ServiceCall"


@pytest.mark.promised("acknowledges")
async def test_worker_and_forwarder_count_differing_claims(place: Place, bus: Bus) -> None:
    worker = Worker("billing")

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None: ...

    await place.put(bus.prepare(call(), source="victim").data, CALL, source="evil", id="a")
    await bus.publish(call())
    await drained(worker, bus)
    assert (worker.stats.handled, worker.stats.differing_claims) == (2, 1)
    forwarder = Forwarder(bus, ScriptedSink(), linger_s=0.01)
    forwarder.drain()
    tally = await forwarder.run()
    assert (tally.received, tally.stored, tally.differing_claims) == (2, 2, 1)
