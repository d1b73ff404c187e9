"""However a forwarder ends, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

import dms_events
from dms_events import (
    Bus,
    ConfigError,
    Forwarder,
    OutgoingMessage,
    SinkBrokenError,
    TransportError,
)
from dms_events.sink import Verdict
from dms_events.types.elk_stats import ServiceRemove
from dms_events.worker import document_writer
from dms_events.worker.policy import RetryPolicy

from .forwarding import drained, forwarding, overloaded, removals, unsettled, until
from .scripted_sink import Lines, ScriptedSink


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    async with dms_events.connect("memory://") as bus:
        yield bus


async def test_stopping_leaves_what_is_for_later_to_the_next_and_loses_nothing(bus: Bus) -> None:
    await bus.publish_many(removals(bus, 10))
    sink = ScriptedSink({**overloaded(6), "id-6": Lines(Verdict.REJECTED)})
    forwarder = Forwarder(bus, sink, linger_s=0.01)
    async with forwarding(forwarder):
        await until(lambda: forwarder.stats.again == 6 and forwarder.stats.rejected == 1)
    stats = forwarder.stats
    assert (stats.stored, stats.rejected, stats.returned) == (3, 1, 6)
    assert stats.received == 10
    healthy = ScriptedSink()
    rest = await drained(Forwarder(bus, healthy, linger_s=0.01))
    assert (rest.received, rest.stored) == (6, 6)
    assert set(healthy.documents) == {f"id-{n}" for n in range(6)}
    assert await unsettled(bus) == 0


async def test_stopping_while_the_sink_takes_nothing_gives_all_back_and_takes_nothing_again(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        document_writer, "_UNAVAILABLE", RetryPolicy(backoff_s=1e9, backoff_max_s=1e9)
    )
    await bus.publish_many(removals(bus, 6))
    sink = ScriptedSink(broken_calls=[0])
    forwarder = Forwarder(bus, sink, batch=2, writes=1, linger_s=0.01)
    async with forwarding(forwarder):
        await until(lambda: forwarder.stats.unavailable == 1)
    stats = forwarder.stats
    assert sink.batches == [2], "what waits for a write is not begun any more"
    assert (stats.received, stats.returned, stats.again) == (6, 6, 0)
    async with bus.subscribe("elk_stats.*", durable="dms-events-sink") as messages:
        assert [m.attempt for m in await messages.batch(6, 5.0)] == [2] * 6


async def test_stopping_does_not_wait_for_a_write_that_hangs_beyond_the_drain(bus: Bus) -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    await bus.publish_many(removals(bus, 6))
    sink = ScriptedSink(before=hang)
    forwarder = Forwarder(bus, sink, batch=2, writes=2, linger_s=0.01, drain_s=0.05)
    async with forwarding(forwarder):
        await until(lambda: sink.asked == 2)
    stats = forwarder.stats
    assert (stats.received, stats.returned, sink.asked) == (6, 6, 2)
    assert (await drained(Forwarder(bus, ScriptedSink(), linger_s=0.01))).stored == 6


async def test_stopping_finishes_the_write_that_is_under_way(bus: Bus) -> None:
    await bus.publish_many(removals(bus, 4))
    sink = ScriptedSink(write_s=0.3)
    forwarder = Forwarder(bus, sink, linger_s=0.01)
    async with forwarding(forwarder):
        await until(lambda: sink.busy == 1)
    tally = forwarder.stats
    assert (tally.stored, tally.returned) == (4, 0)
    assert await unsettled(bus) == 0


async def test_what_cannot_be_buried_is_given_back(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dms_events.worker.settlement.AGAIN_S", 0.02)
    monkeypatch.setattr("dms_events.dead_letters.writer.AGAIN_S", 0.02)
    async with dms_events.connect("memory://", max_messages=1) as full:
        await full.publish(OutgoingMessage("dead", "unknown.unknown", "", "no room", b""))
        await full.publish_many(removals(full, 1))
        sink = ScriptedSink({"id-0": Lines(Verdict.REJECTED)})
        forwarder = Forwarder(full, sink, linger_s=0.01)
        async with forwarding(forwarder):
            await until(lambda: forwarder.stats.returned >= 2)
        tally = forwarder.stats
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


async def test_what_a_sink_that_has_to_be_mended_did_not_store_is_given_back(bus: Bus) -> None:
    async def breaks() -> None:
        raise SinkBrokenError("the file is damaged")

    await bus.publish_many(removals(bus, 3))
    forwarder = Forwarder(bus, ScriptedSink(before=breaks), linger_s=0.01)
    with pytest.raises(SinkBrokenError, match="damaged"):
        await drained(forwarder)
    assert (forwarder.stats.returned, forwarder.stats.received) == (3, 3)
    assert (await drained(Forwarder(bus, ScriptedSink(), linger_s=0.01))).stored == 3


async def test_the_figures_are_json(bus: Bus) -> None:
    await bus.publish_many(removals(bus, 2))
    stats = await drained(Forwarder(bus, ScriptedSink(), linger_s=0.01))
    told = msgspec.json.decode(msgspec.json.encode(stats.as_dict()))
    assert (told["received"], told["handled"], told["lost"]) == (2, 2, 0)
    assert told["by_type"] == {"elk_stats.ServiceRemove": {"handled": 2}}
