"""However a forwarder ends, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

import dms_events
from dms_events import Bus, ConfigError, Forwarder, OutgoingMessage, Tally, TransportError
from dms_events.sink import Verdict
from dms_events.types.elk_stats import ServiceRemove

from .forwarding import drained, overloaded, removals, unsettled, until
from .scripted_sink import Lines, ScriptedSink


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    async with dms_events.connect("memory://") as bus:
        yield bus


async def test_stopping_during_a_backoff_gives_back_and_loses_nothing(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dms_events.worker.forwarder.random.uniform", lambda low, high: 60.0)
    await bus.publish_many(removals(bus, 10))
    sink = ScriptedSink({**overloaded(6), "id-6": Lines(Verdict.REJECTED)})
    forwarder = Forwarder(bus, sink, linger_s=0.01)
    running = asyncio.create_task(forwarder.run())
    await until(lambda: bool(sink.batches) and forwarder.tally.rejected == 1)
    forwarder.stop()
    tally = await asyncio.wait_for(running, 5)
    assert (tally.stored, tally.rejected) == (3, 1)
    assert tally.received == 4 + tally.returned
    healthy = ScriptedSink()
    rest = await drained(Forwarder(bus, healthy, linger_s=0.01))
    assert (rest.received, rest.stored) == (6, 6)
    assert set(healthy.documents) == {f"id-{n}" for n in range(6)}
    assert await unsettled(bus) == 0


async def test_stopping_does_not_take_again_what_it_gave_back(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dms_events.worker.forwarder.random.uniform", lambda low, high: 60.0)
    await bus.publish_many(removals(bus, 6))
    sink = ScriptedSink(overloaded(6))
    forwarder = Forwarder(bus, sink, linger_s=0.01)
    running = asyncio.create_task(forwarder.run())
    await until(lambda: bool(sink.batches))
    forwarder.stop()
    tally = await asyncio.wait_for(running, 5)
    assert sink.batches == [6]
    assert (tally.received, tally.returned) == (6, 6)
    async with bus.subscribe("elk_stats.*", durable="dms-events-sink") as messages:
        assert [m.attempt for m in await messages.batch(6, 5.0)] == [2] * 6


async def test_stopping_finishes_the_write_that_is_under_way(bus: Bus) -> None:
    await bus.publish_many(removals(bus, 4))
    sink = ScriptedSink(write_s=0.3)
    forwarder = Forwarder(bus, sink, linger_s=0.01)
    running = asyncio.create_task(forwarder.run())
    await until(lambda: sink.busy == 1)
    forwarder.stop()
    tally = await asyncio.wait_for(running, 5)
    assert (tally.stored, tally.returned) == (4, 0)
    assert await unsettled(bus) == 0


async def test_what_cannot_be_buried_is_given_back(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dms_events.worker.forwarder.AGAIN_S", 0.02)
    monkeypatch.setattr("dms_events.dead_letters.writer.AGAIN_S", 0.02)
    async with dms_events.connect("memory://", max_messages=1) as full:
        await full.publish(OutgoingMessage("dead", "unknown.unknown", "", "no room", b""))
        await full.publish_many(removals(full, 1))
        sink = ScriptedSink({"id-0": Lines(Verdict.REJECTED)})
        forwarder = Forwarder(full, sink, linger_s=0.01)
        running = asyncio.create_task(forwarder.run())
        await until(lambda: forwarder.tally.returned >= 2)
        forwarder.stop()
        tally = await asyncio.wait_for(running, 5)
        assert (tally.rejected, tally.stored) == (0, 0)
        assert tally.received == tally.returned
        assert await unsettled(full) == 1


async def test_the_end_of_the_bus_is_an_error_of_its_own_class(bus: Bus) -> None:
    running = asyncio.create_task(Forwarder(bus, ScriptedSink()).run())
    await asyncio.sleep(0)
    await bus.close()
    with pytest.raises(TransportError):
        await asyncio.wait_for(running, 5)


async def test_a_durable_of_other_types_is_refused(bus: Bus) -> None:
    async with bus.subscribe(ServiceRemove, durable="dms-events-sink"):
        pass
    with pytest.raises(ConfigError, match="dms-events-sink"):
        await Forwarder(bus, ScriptedSink()).run()


async def test_a_sink_that_breaks_on_its_own_ends_the_forwarder_with_its_error(bus: Bus) -> None:
    async def breaks() -> None:
        raise ZeroDivisionError("a bug in the sink")

    await bus.publish_many(removals(bus, 1))
    with pytest.raises(ZeroDivisionError):
        await drained(Forwarder(bus, ScriptedSink(before=breaks), linger_s=0.01))
    assert await unsettled(bus) == 1


def test_a_tally_survives_as_json() -> None:
    tally = Tally(
        received=2, stored=1, rejected=1, by_type={"elk_stats.ServiceCall": {"stored": 1}}
    )
    assert msgspec.json.decode(msgspec.json.encode(tally), type=Tally) == tally
