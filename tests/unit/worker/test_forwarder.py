"""The forwarder: each event settled after its own verdict, and only once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

import dms_events
from dms_events import Bus, Envelope, Forwarder
from dms_events.envelope import encode_envelope
from dms_events.sink import Verdict
from dms_events.types.elk_stats import NewService
from dms_events.types.spec_config import SpecConfig

from .forwarding import drained, forwarding, lose, removals, unsettled, until
from .scripted_sink import Lines, ScriptedSink


@pytest.fixture
async def bus() -> AsyncIterator[Bus]:
    async with dms_events.connect("memory://") as bus:
        yield bus


async def test_it_forwards_and_counts_by_type(bus: Bus) -> None:
    service = NewService(service_id="s", service_name="", service_description="", timestamp=1.0)
    await bus.publish_many([*removals(bus, 25), service])
    sink = ScriptedSink({"id-3": Lines(Verdict.DUPLICATE), "id-4": Lines(Verdict.REJECTED)})
    forwarder = Forwarder(bus, sink, batch=10, linger_s=0.01)
    tally = await drained(forwarder)
    assert tally is forwarder.stats
    assert (tally.received, tally.stored, tally.duplicates, tally.rejected) == (26, 24, 1, 1)
    assert tally.by_type == {
        "elk_stats.ServiceRemove": {"handled": 23, "duplicates": 1, "rejected": 1},
        "elk_stats.NewService": {"handled": 1},
    }
    assert sink.batches == [10, 10, 6]
    assert await unsettled(bus) == 0


async def test_an_event_of_which_no_document_can_be_made_is_a_dead_letter_and_others_are_stored(
    bus: Bus,
) -> None:
    deep = b'{"type":"x","params":{"k":%b%b}}' % (b"[" * 2000, b"]" * 2000)
    prepared = bus.prepare(SpecConfig(type="x", params={}), id="deep")
    envelope = Envelope(type="spec_config.SpecConfig", data=deep, id="deep")
    message = msgspec.structs.replace(prepared, data=encode_envelope(envelope))
    first, second = removals(bus, 2)
    await bus.publish_many([first, message, second])
    sink = ScriptedSink()
    forwarder = Forwarder(bus, sink, wanted=("elk_stats.*", "spec_config.SpecConfig"))
    stats = await drained(forwarder)
    assert (stats.stored, stats.rejected) == (2, 1)
    [letter] = [letter async for letter in bus.dead_letters.find()]
    assert (letter.id, "nested too deep" in letter.reason) == ("deep", True)


async def test_it_goes_on_with_what_is_published_later_until_it_is_stopped(bus: Bus) -> None:
    sink = ScriptedSink()
    forwarder = Forwarder(bus, sink, linger_s=0.01)
    async with forwarding(forwarder):
        first, *others = removals(bus, 5)
        await bus.publish(first)
        await until(lambda: len(sink.documents) == 1)
        await bus.publish_many(others)
        await until(lambda: len(sink.documents) == 5)
    tally = forwarder.stats
    assert (tally.received, tally.stored, tally.returned) == (5, 5, 0)


async def test_two_messages_of_one_identity_are_stored_once(bus: Bus) -> None:
    [first] = removals(bus, 1)
    await bus.publish_many([first, msgspec.structs.replace(first, id="published again")])
    sink = ScriptedSink()
    tally = await drained(Forwarder(bus, sink, linger_s=0.01))
    assert (tally.received, tally.stored, tally.duplicates) == (2, 1, 1)
    assert sink.batches == [1]
    await bus.publish(msgspec.structs.replace(first, id="published a third time"))
    again = await drained(Forwarder(bus, sink, linger_s=0.01))
    assert (again.received, again.stored, again.duplicates) == (1, 0, 1)
    assert await unsettled(bus) == 0


async def test_what_was_rejected_is_judged_again_when_it_is_mended(bus: Bus) -> None:
    [first] = removals(bus, 1)
    await bus.publish(first)
    sink = ScriptedSink({first.id: Lines(Verdict.REJECTED)})
    forwarder = Forwarder(bus, sink, linger_s=0.01)
    running = asyncio.create_task(forwarder.run())
    await until(lambda: forwarder.stats.rejected == 1)
    sink.script[first.id] = Lines(Verdict.STORED)
    await bus.publish(msgspec.structs.replace(first, id="mended"))
    await until(lambda: forwarder.stats.stored == 1)
    forwarder.stop()
    assert (await running).received == 2


async def test_what_comes_again_after_its_verdict_is_only_settled_again(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(monkeypatch, "ack_soon", first_delivery_only=True)
    await bus.publish_many(removals(bus, 20))
    sink = ScriptedSink()
    tally = await drained(Forwarder(bus, sink, linger_s=0.01, ack_wait_s=0.2))
    assert (tally.received, tally.stored, tally.redelivered, tally.duplicates) == (40, 20, 20, 0)
    assert sink.asked_again == []
    assert await unsettled(bus) == 0


async def test_what_comes_again_before_its_verdict_waits_for_the_same(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(monkeypatch, "in_progress", first_delivery_only=False)
    await bus.publish_many(removals(bus, 3))
    sink = ScriptedSink(write_s=0.5)
    tally = await drained(Forwarder(bus, sink, linger_s=0.01, ack_wait_s=0.15))
    assert tally.stored == 3
    assert tally.redelivered >= 3
    assert tally.received == tally.stored + tally.redelivered
    assert sink.batches == [3]
    assert await unsettled(bus) == 0


async def test_heartbeats_keep_a_long_write_from_being_delivered_again(bus: Bus) -> None:
    await bus.publish_many(removals(bus, 3))
    sink = ScriptedSink(write_s=1.0)
    tally = await drained(Forwarder(bus, sink, linger_s=0.01, ack_wait_s=0.3))
    assert (tally.received, tally.stored, tally.redelivered) == (3, 3, 0)


async def test_heartbeats_keep_what_waits_for_a_write_of_its_own(bus: Bus) -> None:
    await bus.publish_many(removals(bus, 6))
    sink = ScriptedSink(write_s=0.3)
    tally = await drained(Forwarder(bus, sink, linger_s=0.01, ack_wait_s=0.3, batch=2, writes=1))
    assert (tally.received, tally.stored, tally.redelivered) == (6, 6, 0)
    assert sink.most_busy == 1
