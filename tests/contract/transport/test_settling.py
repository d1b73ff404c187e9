"""Acknowledging transports: what is settled stays settled, what is not comes again."""

from __future__ import annotations

import asyncio
import time

import pytest

from dms_events import Bus, Message, Subscription
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, collect, event_calls, nothing_comes
from tests.kit.storing import until_settled

pytestmark = pytest.mark.promised("acknowledges")


async def until_prefetched(messages: Subscription[ServiceCall]) -> None:
    """A few round trips on the connection that the prefetched messages come by."""
    for _ in range(3):
        await messages.backlog()


async def test_a_durable_gets_what_was_published_before_it_was_made(bus: Bus) -> None:
    await bus.publish_many(event_calls(10))
    async with bus.subscribe(ServiceCall, durable="d") as messages:
        assert [m.event for m in await collect(messages, 10)] == event_calls(10)


async def test_a_durable_resumes_where_it_left_off(place: Place, bus: Bus) -> None:
    await bus.publish_many(event_calls(10))
    async with place.connect() as first, first.subscribe(ServiceCall, durable="d") as messages:
        await collect(messages, 4)
    await bus.publish(call(10))
    async with place.connect() as second, second.subscribe(ServiceCall, durable="d") as messages:
        rest = await collect(messages, 7)
        assert sorted(m.event.call_id for m in rest) == [4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
        assert await nothing_comes(messages)


async def test_an_acknowledged_message_does_not_come_again(bus: Bus) -> None:
    await bus.publish(call())
    async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.4) as messages:
        await collect(messages, 1)
        assert await nothing_comes(messages, 1.0)
        assert await messages.backlog() == 0


async def test_what_is_not_settled_comes_again_after_the_ack_wait(bus: Bus) -> None:
    await bus.publish(call())
    async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.5) as messages:
        [first] = await collect(messages, 1, ack=False)
        taken_at = time.monotonic()
        assert await messages.backlog() == 1
        [again] = await collect(messages, 1)
        assert time.monotonic() - taken_at > 0.4
        assert (again.id, again.sequence, again.event) == (first.id, first.sequence, first.event)
        assert (first.attempt, again.attempt) == (1, 2)


async def test_nak_brings_a_message_back_at_once_and_counts(bus: Bus) -> None:
    await bus.publish(call())
    async with bus.subscribe(ServiceCall, durable="d") as messages:
        for attempt in range(1, 5):
            [message] = await collect(messages, 1, ack=False)
            assert message.attempt == attempt
            await message.nak()
        [message] = await collect(messages, 1)
        assert (message.attempt, message.possibly_replayed) == (5, False)
        assert await nothing_comes(messages)


async def test_what_is_given_back_as_the_last_thing_is_there_for_the_next_reader(bus: Bus) -> None:
    for number in range(40):
        async with bus.subscribe(ServiceCall, durable="d") as messages:
            if not number:
                await bus.publish(call())
            [message] = await collect(messages, 1, ack=False)
            await message.nak()


async def test_nak_with_a_delay_does_not_come_before_it(bus: Bus) -> None:
    await bus.publish(call(1))
    async with bus.subscribe(ServiceCall, durable="d") as messages:
        [message] = await collect(messages, 1, ack=False)
        refused_at = time.monotonic()
        await message.nak(0.6)
        await bus.publish(call(2))
        others = await collect(messages, 1)
        assert [m.event for m in others] == [call(2)]
        [again] = await collect(messages, 1)
        waited = time.monotonic() - refused_at
        assert again.event == call(1)
        assert 0.55 < waited < 5


async def test_a_terminated_message_never_comes_again(bus: Bus) -> None:
    await bus.publish(call())
    async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.4) as messages:
        [message] = await collect(messages, 1, ack=False)
        await message.term()
        assert await nothing_comes(messages, 1.0)
        assert await messages.backlog() == 0


async def test_what_is_acknowledged_without_a_wait_never_comes_again(bus: Bus) -> None:
    await bus.publish_many([call(number) for number in range(300)])
    async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.4) as messages:
        taken = await collect(messages, 300, ack=False)
        for message in taken:
            message.delivery.ack_soon()
        await taken[0].nak()
        assert await nothing_comes(messages, 1.0)
        assert await messages.backlog() == 0


async def test_progress_extends_the_ack_wait(bus: Bus) -> None:
    await bus.publish(call())
    async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.6) as messages:
        [message] = await collect(messages, 1, ack=False)
        for _ in range(6):
            assert await nothing_comes(messages, 0.25)
            await message.in_progress()
        await message.ack()
        assert await nothing_comes(messages, 0.8)


async def test_only_the_first_settling_counts(bus: Bus) -> None:
    await bus.publish_many([call(1), call(2)])
    async with bus.subscribe(ServiceCall, durable="d") as messages:
        refused, acked = await collect(messages, 2, ack=False)
        await refused.nak(0.3)
        await refused.ack()
        await refused.in_progress()
        await acked.ack()
        await acked.nak()
        [again] = await collect(messages, 1)
        assert (again.event, again.attempt) == (call(1), 2)
        assert await nothing_comes(messages)


async def test_two_readers_of_a_durable_split_the_work(place: Place, bus: Bus) -> None:
    seen: list[list[Message[ServiceCall]]] = [[], []]

    async def read(reader: Bus, mine: list[Message[ServiceCall]]) -> None:
        async with reader.subscribe(ServiceCall, durable="d", prefetch=5) as messages:
            async for message in messages:
                mine.append(message)
                await message.ack()
                if sum(map(len, seen)) >= 300:
                    return
                await asyncio.sleep(0)

    async with place.connect() as other, asyncio.timeout(20):
        readers = [
            asyncio.ensure_future(read(b, s)) for b, s in zip((bus, other), seen, strict=True)
        ]
        await bus.publish_many(event_calls(300))
        await asyncio.wait(readers, return_when=asyncio.FIRST_COMPLETED)
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    numbers = [m.event.call_id for mine in seen for m in mine]
    assert sorted(numbers) == [float(n) for n in range(300)]
    assert all(seen)
    async with bus.subscribe(ServiceCall, durable="d") as messages:
        assert await nothing_comes(messages)
        assert await messages.backlog() == 0


async def test_prefetch_bounds_what_a_reader_keeps_from_the_others(place: Place, bus: Bus) -> None:
    await bus.publish_many(event_calls(100))
    async with (
        place.connect() as other,
        bus.subscribe(ServiceCall, durable="d", prefetch=1) as slow,
    ):
        await collect(slow, 1)
        async with other.subscribe(ServiceCall, durable="d") as quick:
            assert len(await collect(quick, 98)) == 98


async def test_what_waits_for_the_reader_is_not_delivered_again(bus: Bus) -> None:
    await bus.publish_many(event_calls(6))
    async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.6) as messages:
        await until_prefetched(messages)
        await collect(messages, 1)
        await asyncio.sleep(1.2)
        arrived = await collect(messages, 5)
        assert [m.event for m in arrived] == event_calls(5, first=1)
        assert [m.attempt for m in arrived] == [1] * 5
        assert await nothing_comes(messages, 1.0)


@pytest.mark.only("nats")
async def test_what_waits_for_one_reader_does_not_go_to_another(place: Place, bus: Bus) -> None:
    await bus.publish_many(event_calls(6))
    async with (
        place.connect() as other,
        bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.6) as first,
    ):
        await until_prefetched(first)
        await collect(first, 1)
        async with other.subscribe(ServiceCall, durable="d", ack_wait_s=0.6) as second:
            assert await nothing_comes(second, 1.2)


async def test_leaving_gives_back_what_was_prefetched(place: Place, bus: Bus) -> None:
    await bus.publish_many(event_calls(100))
    async with place.connect() as other:
        async with other.subscribe(ServiceCall, durable="d", ack_wait_s=60) as messages:
            await collect(messages, 1)
        async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=60) as messages:
            rest = await collect(messages, 99, within_s=5)
    assert sorted(m.event.call_id for m in rest) == [float(n) for n in range(1, 100)]


async def test_closing_the_bus_gives_back_what_was_prefetched(place: Place, bus: Bus) -> None:
    await bus.publish_many(event_calls(100))
    other = place.connect()
    await other.open()
    messages = other.subscribe(ServiceCall, durable="d", ack_wait_s=60)
    await messages.__aenter__()
    await until_prefetched(messages)
    await collect(messages, 1)
    await other.close()
    await messages.__aexit__(None, None, None)
    async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=60) as messages:
        rest = await collect(messages, 99, within_s=5)
    assert sorted(m.event.call_id for m in rest) == [float(n) for n in range(1, 100)]


async def test_acknowledgements_are_sent_before_the_bus_closes(place: Place, bus: Bus) -> None:
    await bus.publish_many(event_calls(200))
    async with place.connect() as other, other.subscribe(ServiceCall, durable="d") as messages:
        await collect(messages, 200)
    async with bus.subscribe(ServiceCall, durable="d") as messages:
        await until_settled(messages)
        assert await nothing_comes(messages)
