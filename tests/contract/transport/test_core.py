"""Core NATS promises less, and says so."""

from __future__ import annotations

import asyncio

import pytest

import dms_events
from dms_events import Bus, ConfigError
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, collect, event_calls, nothing_comes, until

pytestmark = pytest.mark.only("nats-core")
FLOOD = 70_000


async def test_core_delivers_at_most_once(place: Place, bus: Bus) -> None:
    await bus.publish(call(1))
    async with bus.subscribe(ServiceCall, durable="d", start="all", ack_wait_s=0.2) as messages:
        await bus.publish(call(2))
        [message] = await collect(messages, 1, ack=False)
        assert (message.event.call_id, message.attempt, message.sequence) == (2.0, 1, 0)
        assert await messages.backlog() == 0
        assert await nothing_comes(messages, 0.6)


async def test_core_does_not_dedupe(bus: Bus) -> None:
    prepared = bus.prepare(call())
    async with bus.subscribe(ServiceCall) as messages:
        await bus.publish_many([prepared, prepared])
        first, second = await collect(messages, 2)
    assert first.id == second.id == prepared.id


async def test_what_core_publishes_is_stored_by_a_stream_that_is_there(
    place: Place, bus: Bus
) -> None:
    async with dms_events.connect(place.url, root=place.root) as stored:
        prepared = bus.prepare(call())
        await bus.publish_many([prepared, prepared])
        async with stored.subscribe(ServiceCall, durable="d") as messages:
            first, second = await collect(messages, 2)
    assert first.id == second.id == prepared.id, "the server recognises none of them"


async def test_readers_of_a_name_share_what_core_delivers(place: Place, bus: Bus) -> None:
    async with (
        place.connect() as other,
        bus.subscribe(ServiceCall, durable="d") as first,
        other.subscribe(ServiceCall, durable="d") as second,
    ):
        await bus.publish_many(event_calls(200))
        seen: list[float] = []
        async with asyncio.timeout(10):
            while len(seen) < 200:
                for messages in (first, second):
                    seen += [m.event.call_id for m in await messages.batch(200, 0.05)]
        assert await nothing_comes(first, 0.1)
        assert await nothing_comes(second, 0.1)
    assert sorted(seen) == [float(n) for n in range(200)]


async def test_core_counts_what_it_has_no_room_for(place: Place, bus: Bus) -> None:
    prepared = bus.prepare(call())
    async with place.connect() as reader, reader.subscribe(ServiceCall) as messages:
        assert messages.dropped == 0
        assert await bus.publish_many([prepared] * FLOOD) == FLOOD

        async def overflowed() -> bool:
            return messages.dropped > 0

        await until(overflowed)
        taken = 0
        while batch := await messages.batch(10_000, 0.5):
            taken += len(batch)
        assert taken + messages.dropped == FLOOD
        await bus.publish(call(2))
        assert [m.event.call_id for m in await collect(messages, 1)] == [2.0]


async def test_where_nothing_is_stored_that_is_said(bus: Bus) -> None:
    with pytest.raises(ConfigError, match="durable=True"):
        await bus.transport.fetch("events", 1)
    with pytest.raises(ConfigError, match="durable=True"):
        await bus.transport.delete("dead", 1)
