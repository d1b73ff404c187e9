"""What JetStream and core NATS do beside the contract suite."""

from __future__ import annotations

import msgspec
import pytest
from nats.aio.client import Client

from dms_events import (
    Bus,
    PublishError,
    Subscription,
    TransportError,
)
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, collect, event_calls, nothing_comes


async def numbers(bus: Bus, durable: str, count: int) -> list[float]:
    """The call ids of all that is stored."""
    async with bus.subscribe(ServiceCall, durable=durable) as messages:
        arrived = await collect(messages, count)
        assert await nothing_comes(messages, 0.2)
    return [m.event.call_id for m in arrived]


async def make_room(place: Place, client: Client) -> None:
    """As an operator would who sees that the stream is full."""
    manager = client.jsm()
    config = (await manager.stream_info(f"{place.root.upper()}_EVENTS")).config
    await manager.update_stream(config, max_msgs=10_000)


@pytest.mark.only("nats")
async def test_what_was_refused_is_published_again_without_duplicates(place: Place) -> None:
    async with place.connect(max_messages=700) as bus, place.foreign() as client:
        with pytest.raises(PublishError) as caught:
            await bus.publish_many(event_calls(1_500))
        assert len(caught.value.unacknowledged) == 800
        await make_room(place, client)
        assert await bus.publish_many(caught.value.unacknowledged) == 800
        assert await numbers(bus, "d", 1_500) == [float(n) for n in range(1_500)]


@pytest.mark.only("nats")
async def test_what_was_refused_may_be_published_again_and_again(place: Place) -> None:
    async with place.connect(max_messages=10) as bus, place.foreign() as client:
        with pytest.raises(PublishError) as caught:
            await bus.publish_many(event_calls(1_000))
        await make_room(place, client)
        for _ in range(2):
            assert await bus.publish_many(caught.value.unacknowledged) == 990
        assert await numbers(bus, "d", 1_000) == [float(n) for n in range(1_000)]


@pytest.mark.only("nats", "nats-core")
async def test_an_event_over_the_servers_limit_is_not_sent_and_the_bus_goes_on(
    narrow: Place,
) -> None:
    async with narrow.connect() as bus, bus.subscribe(ServiceCall) as messages:
        with pytest.raises(PublishError) as caught:
            await bus.publish(call(1, status="x" * 70_000))
        assert len(caught.value.unacknowledged) == 1
        with pytest.raises(PublishError) as caught:
            await bus.publish_many([call(2), call(3, status="x" * 70_000), call(4)])
        assert len(caught.value.unacknowledged) == 2
        assert caught.value.refused_for_good == [caught.value.unacknowledged[0]]
        await bus.publish(call(5))
        assert [m.event.call_id for m in await collect(messages, 2)] == [2.0, 5.0]


@pytest.mark.only("nats", "nats-core")
async def test_every_size_around_the_servers_limit_is_sent_or_refused(narrow: Place) -> None:
    accepted = []
    async with narrow.connect() as bus, bus.subscribe(ServiceCall) as messages:
        for size in range(65_536 - 200, 65_536 + 20, 4):
            template = bus.prepare(call())
            message = msgspec.structs.replace(template, data=template.data.ljust(size))
            try:
                await bus.publish(message)
            except PublishError:
                continue
            accepted.append(message.id)
        arrived = await collect(messages, len(accepted))
        await bus.publish(call(2))
        assert [m.event.call_id for m in await collect(messages, 1)] == [2.0]
    assert [m.id for m in arrived] == accepted
    assert 10 < len(accepted) < 55


async def until_prefetched(messages: Subscription[ServiceCall]) -> None:
    """A few round trips on the connection that the prefetched messages come by."""
    for _ in range(3):
        await messages.backlog()


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


@pytest.mark.only("nats")
async def test_what_a_stream_does_not_allow_is_an_error(place: Place) -> None:
    async with place.foreign() as client:
        await client.jetstream().add_stream(
            name=f"{place.root}_DEAD".upper(), subjects=[f"{place.root}.dead.>"], deny_delete=True
        )
        await client.jetstream().publish(f"{place.root}.dead.a.B", b"kept")
    async with place.connect() as bus:
        with pytest.raises(TransportError, match=r"delete message 1 of .*not permitted"):
            await bus.transport.delete("dead", 1)
        assert await bus.transport.fetch("dead", 1) == b"kept"
