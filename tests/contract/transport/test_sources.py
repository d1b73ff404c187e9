"""The source of a message is the transport's own word; an envelope's is a claim, and marked as one."""

from __future__ import annotations

import logging

import pytest

from dms_events import Bus, Forwarder, Worker
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, collect
from tests.contract.worker.working import drained
from tests.unit.worker.scripted_sink import ScriptedSink

CALL = "elk_stats.ServiceCall"


async def test_the_transports_source_counts_and_a_differing_claim_is_told(
    place: Place, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    nobody = place.connect()
    async with bus.subscribe(ServiceCall) as messages:
        for claim in ("me", "", "victim"):
            own = place.source_of("me") if claim == "me" else claim
            await place.put(nobody.prepare(call(), source=own).data, CALL, source="me")
        # Not as this library writes it, so that it is read by the Go decoder.
        data = b" " + bus.prepare(call(), source="vic\x1b[31mtim").data
        await place.put(data, CALL, source="me")
        same, without, differing, odd = await collect(messages, 4)
        assert messages.differing_claims == 2
    for message in (same, without, differing, odd):
        assert message.source == message.transport_source == place.source_of("me")
        assert not message.source_is_claimed
    assert [m.claimed_source for m in (same, without)] == ["", ""]
    assert [m.claimed_source for m in (differing, odd)] == ["victim", "vic\x1b[31mtim"]
    told = [r.getMessage() for r in caplog.records if "claims the source" in r.getMessage()]
    assert len(told) == 1, "one line a second, however many there are"
    assert f"'{place.source_of('me')}' claims the source 'victim'" in told[0]


@pytest.mark.only("memory", "nats", "nats-core")
async def test_without_a_source_of_the_transport_the_claim_is_marked_as_one(
    place: Place, bus: Bus
) -> None:
    nobody = place.connect()
    async with bus.subscribe(ServiceCall) as messages:
        await place.put(nobody.prepare(call(), source="somebody").data, CALL)
        await place.put(nobody.prepare(call()).data, CALL, id="two")
        claimed, unknown = await collect(messages, 2)
        assert messages.differing_claims == 0
    assert (claimed.source, claimed.source_is_claimed) == ("somebody", True)
    assert (claimed.transport_source, claimed.claimed_source) == ("", "")
    assert (unknown.source, unknown.source_is_claimed) == ("", False)
    assert claimed.identity == f"_ {claimed.id}"


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


ODD = ("\x00", "\x1b[31m", "é", "日本", "$JS", "_", "'\"", "{}", "\u202e", "x" * 200, "😀" * 200)


@pytest.mark.only("memory", "nats", "nats-core")
async def test_a_source_of_odd_characters_is_the_source_that_readers_see(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        await bus.publish_many(bus.prepare(call(), source=source) for source in ODD)
        assert [m.source for m in await collect(messages, len(ODD))] == [*ODD]
