"""How much a forwarder writes and takes: as the sink says, which may take some documents or nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

import dms_events
from dms_events import Bus, Forwarder
from dms_events.sink import Document, Pace, SinkUnavailableError, SinkVerdict
from dms_events.worker import document_writer, sink_writer
from dms_events.worker.policy import RetryPolicy

from .forwarding import drained, forwarding, overloaded, removals, unsettled, until
from .scripted_sink import ScriptedSink


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    async with dms_events.connect("memory://") as bus:
        yield bus


class Switched(ScriptedSink):
    """Keeps in truth, while it is off, what it says it does not take; says how much to write."""

    def __init__(self) -> None:
        super().__init__(write_s=0.01)
        self.off = False
        self.asked_for: Pace | None = None

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        verdicts = await super().write(batch)
        if self.off:
            raise SinkUnavailableError("the key is being rotated")
        return verdicts

    def pace(self, most: Pace) -> Pace:
        return self.asked_for or most


async def test_a_document_for_later_holds_up_no_other_and_no_write(bus: Bus) -> None:
    blocked, others = removals(bus, 40)[:20], removals(bus, 40)[20:]
    await bus.publish_many(blocked)
    sink = ScriptedSink(overloaded(20))
    forwarder = Forwarder(bus, sink, batch=5, writes=1, linger_s=0.01)
    async with forwarding(forwarder):
        await until(lambda: forwarder.stats.again >= 20)
        await bus.publish_many(others)
        await until(lambda: len(sink.documents) == 20)
        await until(lambda: forwarder.stats.delayed == 20)
        assert sink.busy == 0
    assert forwarder.stats.rejected == forwarder.stats.raised == 0
    assert await unsettled(bus) == 20


async def test_a_document_for_later_comes_again_until_it_is_stored(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sink_writer, "_LATER", RetryPolicy(backoff_s=0.01, backoff_max_s=0.02))
    await bus.publish_many(removals(bus, 3))
    script = {"id-1": msgspec.structs.replace(overloaded(2)["id-1"], retries=12)}
    stats = await drained(Forwarder(bus, ScriptedSink(script), linger_s=0.01))
    assert (stats.stored, stats.again, stats.returned, stats.delayed) == (3, 12, 12, 0)
    assert stats.by_type == {"elk_stats.ServiceRemove": {"handled": 3, "again": 12}}


async def test_while_the_sink_takes_nothing_one_batch_is_tried_and_nothing_more_is_taken(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        document_writer, "_UNAVAILABLE", RetryPolicy(backoff_s=0.01, backoff_max_s=0.1)
    )
    sink = Switched()
    sink.off = True
    forwarder = Forwarder(bus, sink, batch=2, writes=3, linger_s=0.01, ack_wait_s=0.3)
    await bus.publish_many(removals(bus, 8))
    async with forwarding(forwarder):
        await until(lambda: forwarder.stats.unavailable > 4)
        sink.most_busy = 0
        await bus.publish_many(removals(bus, 20)[8:])
        await until(lambda: forwarder.stats.unavailable > 10)
        assert sink.most_busy == 1
        async with bus.subscribe("elk_stats.*", durable="dms-events-sink") as others:
            left = {message.id for message in await others.batch(20, 0.1)}
            assert left == {f"id-{number}" for number in range(8, 20)}
        sink.off = False
        await until(lambda: forwarder.stats.stored + forwarder.stats.duplicates == 20)
    assert forwarder.stats.redelivered == 0, "what it held was kept alive"


async def test_what_was_judged_before_the_sink_took_nothing_is_not_written_again(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        document_writer, "_UNAVAILABLE", RetryPolicy(backoff_s=0.01, backoff_max_s=0.1)
    )

    class Half(ScriptedSink):
        async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
            half = batch[: max(1, len(batch) // 2)]
            verdicts = await super().write(half)
            if len(half) < len(batch):
                raise SinkUnavailableError("overloaded", verdicts)
            return verdicts

    await bus.publish_many(removals(bus, 10))
    sink = Half()
    stats = await drained(Forwarder(bus, sink, linger_s=0.01))
    assert (stats.stored, stats.duplicates, sink.batches) == (10, 0, [5, 2, 1, 1, 1])


async def test_a_sink_says_how_much_is_written_at_a_time(bus: Bus) -> None:
    sink = Switched()
    sink.asked_for = Pace(batch=3, batch_bytes=10**9, writes=1)
    forwarder = Forwarder(bus, sink, batch=10, writes=4, linger_s=0.01)
    async with forwarding(forwarder):
        await bus.publish_many(removals(bus, 12))
        await until(lambda: forwarder.stats.stored == 12)
        assert (max(sink.batches), sink.most_busy) == (3, 1)
        sink.asked_for = Pace(batch=100, batch_bytes=10**9, writes=100)
        await bus.publish_many(removals(bus, 60)[12:])
        await until(lambda: forwarder.stats.stored == 60)
        assert max(sink.batches) == 10, "not more than the forwarder is set to"
        assert 1 < sink.most_busy <= 4
        sink.batches.clear()
        sink.asked_for = Pace(batch=100, batch_bytes=1, writes=1)
        await bus.publish_many(removals(bus, 65)[60:])
        await until(lambda: forwarder.stats.stored == 65)
        assert sink.batches == [1] * 5


async def test_a_sink_that_wants_a_pause_is_left_alone(bus: Bus) -> None:
    sink = Switched()
    sink.asked_for = Pace(batch=10, batch_bytes=10**9, writes=2, pause_s=0.05)
    await bus.publish_many(removals(bus, 5))
    forwarder = Forwarder(bus, sink, linger_s=0.01)
    async with forwarding(forwarder):
        async with bus.subscribe("elk_stats.*", durable="dms-events-sink") as others:
            for message in await others.batch(5, 5.0):
                await message.nak()
        assert sink.batches == [], "nothing is pulled"
        sink.asked_for = None
        await until(lambda: forwarder.stats.stored == 5)
