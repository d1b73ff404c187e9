"""What was accepted is there, once; what was not is handed back."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Iterator

import msgspec
import pytest
from nats.aio.client import Client

from dms_events import Bus, EncodeError, OutgoingMessage, PublishError, UnknownTypeError, codec
from dms_events.envelope import decode_envelope
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, collect, event_calls, nothing_comes

FULL_IS_AN_ERROR = pytest.mark.promised("acknowledges")


async def numbers(bus: Bus, durable: str, count: int) -> list[float]:
    """The call ids of all that is stored."""
    async with bus.subscribe(ServiceCall, durable=durable) as messages:
        arrived = await collect(messages, count)
        assert await nothing_comes(messages, 0.2)
    return [m.event.call_id for m in arrived]


def numbers_in(events: Iterable[msgspec.Struct | OutgoingMessage]) -> list[float]:
    """The call ids of what was handed back, which is ready to be published again."""
    return [
        codec.decode(decode_envelope(event.data).data, ServiceCall).call_id
        for event in events
        if isinstance(event, OutgoingMessage)
    ]


async def make_room(place: Place, client: Client) -> None:
    """As an operator would who sees that the stream is full."""
    manager = client.jsm()
    config = (await manager.stream_info(f"{place.root.upper()}_EVENTS")).config
    await manager.update_stream(config, max_msgs=10_000)


@pytest.mark.promised("dedupes")
async def test_the_same_prepared_event_is_delivered_once(bus: Bus) -> None:
    prepared = bus.prepare(call(1), id="the-same")
    async with bus.subscribe(ServiceCall) as messages:
        assert await bus.publish(prepared) == "the-same"
        assert await bus.publish_many([prepared, prepared, call(2)]) == 3
        assert [m.event.call_id for m in await collect(messages, 2)] == [1.0, 2.0]
        assert await nothing_comes(messages)


@pytest.mark.only("libp2p")
async def test_an_id_that_another_node_copies_suppresses_nobody(place: Place, bus: Bus) -> None:
    prepared = bus.prepare(call(1), id="the-same")
    async with bus.subscribe(ServiceCall) as messages, place.connect(source="thief") as thief:
        await thief.publish_many([prepared, prepared])
        [stolen] = await collect(messages, 1)
        assert await nothing_comes(messages)
        await bus.publish(prepared)
        [real] = await collect(messages, 1)
    assert (stolen.source, stolen.id) == (place.source_of("thief"), "the-same")
    assert (real.source, real.id) == (place.source_of("node-1"), "the-same")
    assert stolen.identity != real.identity


@pytest.mark.only("memory", "nats")
async def test_a_broker_dedupes_over_its_publishers(place: Place, bus: Bus) -> None:
    prepared = bus.prepare(call(1), id="the-same")
    async with bus.subscribe(ServiceCall) as messages, place.connect() as other:
        assert await bus.publish(prepared) == "the-same"
        assert await bus.publish(prepared) == "the-same"
        assert await other.publish_many([prepared, prepared, call(2)]) == 3
        assert [m.event.call_id for m in await collect(messages, 2)] == [1.0, 2.0]
        assert await nothing_comes(messages)


@pytest.mark.direct
@pytest.mark.parametrize("kept", [True, False], ids=["list", "generator"])
async def test_a_publish_that_was_cut_off_can_be_gone_on_with(bus: Bus, kept: bool) -> None:
    given = list(event_calls(2_000))
    events: Iterable[ServiceCall] = given if kept else iter(given)
    async with bus.subscribe(ServiceCall) as messages:
        publishing = asyncio.create_task(bus.publish_many(events))
        await asyncio.sleep(0)  # to where it first waits
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError) as cut:
            await publishing
        known = PublishError.behind(cut.value)
        assert known is not None
        await bus.publish_many(known.unacknowledged)
        rest = 0 if kept else await bus.publish_many(events)
        assert known.accepted + len(known.unacknowledged) + rest == 2_000
        arrived = [m.event.call_id for m in await collect(messages, 2_000)]
        assert await nothing_comes(messages, 0.2)
    assert arrived == [event.call_id for event in given]


@FULL_IS_AN_ERROR
async def test_a_full_stream_says_how_many_it_accepted(place: Place) -> None:
    async with place.connect(max_messages=10) as bus:
        with pytest.raises(PublishError) as caught:
            await bus.publish_many(event_calls(25))
    assert caught.value.accepted == 10


@FULL_IS_AN_ERROR
async def test_a_stream_is_full_in_bytes_too(place: Place) -> None:
    async with place.connect(max_bytes=500_000) as bus:
        events = [msgspec.structs.replace(event, status="x" * 50_000) for event in event_calls(25)]
        with pytest.raises(PublishError, match="bytes") as caught:
            await bus.publish_many(events)
        accepted = caught.value.accepted
        assert 0 < accepted < 10
        assert len(caught.value.unacknowledged) == 25 - accepted
        assert await numbers(bus, "d", accepted) == [float(n) for n in range(accepted)]


@pytest.mark.promised("dedupes")
async def test_equal_events_are_two_events(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        await bus.publish_many([call(), call()])
        first, second = await collect(messages, 2)
    assert first.id != second.id


@FULL_IS_AN_ERROR
async def test_a_full_stream_refuses_and_keeps_what_it_accepted(place: Place) -> None:
    async with place.connect(max_messages=10) as bus:
        prepared = [bus.prepare(event) for event in event_calls(25)]
        with pytest.raises(PublishError) as caught:
            await bus.publish_many(prepared)
        refused = list(caught.value.unacknowledged)
        assert refused == prepared[10:]
        assert list(caught.value.refused_for_good) == []
        with pytest.raises(PublishError, match=r"elk_stats\.ServiceCall|full") as caught:
            await bus.publish(call(99))
        [single] = caught.value.unacknowledged
        assert isinstance(single, OutgoingMessage)
        assert await numbers(bus, "d", 10) == [float(n) for n in range(10)]


@FULL_IS_AN_ERROR
async def test_what_is_stored_already_is_accepted_by_a_full_stream(place: Place) -> None:
    async with place.connect(max_messages=10) as bus:
        prepared = [bus.prepare(event) for event in event_calls(10)]
        await bus.publish_many(prepared)
        assert await bus.publish_many(prepared) == 10
        assert await numbers(bus, "d", 10) == [float(n) for n in range(10)]


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


@FULL_IS_AN_ERROR
async def test_a_full_stream_is_reported_though_a_later_event_cannot_be_encoded(
    place: Place,
) -> None:
    unwritable = call(math.nan)
    async with place.connect(max_messages=3) as bus:
        with pytest.raises(PublishError) as caught:
            await bus.publish_many([*event_calls(10), unwritable, call(11)])
    *ready, bad, last = caught.value.unacknowledged
    assert numbers_in(ready) == [float(n) for n in range(3, 10)]
    assert bad is unwritable
    assert numbers_in([last]) == [11.0]


@FULL_IS_AN_ERROR
@pytest.mark.parametrize("room", [1, 63, 64, 65, 130])
async def test_a_generator_keeps_what_a_full_stream_did_not_hand_back(
    place: Place, room: int
) -> None:
    events = (call(n) for n in range(2_000))
    async with place.connect(max_messages=room) as bus:
        with pytest.raises(PublishError) as caught:
            await bus.publish_many(events)
        stored = await numbers(bus, "d", room)
    handed_back = numbers_in(caught.value.unacknowledged)
    kept = [event.call_id for event in events]
    assert [*stored, *handed_back, *kept] == [float(n) for n in range(2_000)]


@pytest.mark.parametrize("bad", [0, 1, 63, 64, 65, 200])
async def test_a_generator_goes_on_after_the_event_that_go_cannot_read(bus: Bus, bad: int) -> None:
    events = (call(math.nan if n == bad else n) for n in range(300))
    async with bus.subscribe(ServiceCall) as messages:
        with pytest.raises(EncodeError):
            await bus.publish_many(events)
        assert await bus.publish_many(events) == 299 - bad
        arrived = [m.event.call_id for m in await collect(messages, 299)]
    assert arrived == [float(n) for n in range(300) if n != bad]


async def test_an_event_go_cannot_read_ends_publish_many_after_those_before(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        with pytest.raises(EncodeError) as caught:
            await bus.publish_many([call(1), call(2), call(math.nan), call(4)])
        assert (caught.value.type, caught.value.field) == ("elk_stats.ServiceCall", "call_id")
        assert [m.event.call_id for m in await collect(messages, 2)] == [1.0, 2.0]
        assert await nothing_comes(messages)
        await bus.publish(call(5))
        assert [m.event.call_id for m in await collect(messages, 1)] == [5.0]


async def test_what_a_generator_raises_comes_after_those_before(bus: Bus) -> None:
    def events() -> Iterator[ServiceCall]:
        yield from event_calls(3)
        raise LookupError("the source of events broke")

    async with bus.subscribe(ServiceCall) as messages:
        with pytest.raises(LookupError):
            await bus.publish_many(events())
        assert len(await collect(messages, 3)) == 3


async def test_an_event_go_cannot_read_is_not_sent(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        with pytest.raises(EncodeError):
            await bus.publish(call(status="\ud800"))
        assert await nothing_comes(messages, 0.2)


async def test_what_is_no_dms_type_is_not_sent(bus: Bus) -> None:
    class Stranger(msgspec.Struct):
        name: str

    with pytest.raises(UnknownTypeError, match="Stranger"):
        await bus.publish(Stranger(name="x"))


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
