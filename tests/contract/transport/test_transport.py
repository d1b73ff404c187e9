"""What every transport promises: typed events out, typed events in, who and when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from dms_events import Bus, ConfigError, ConnectionLostError, TransportError
from dms_events.types.elk_stats import NewService, NtxPayment, ServiceCall
from dms_events.types.network_config import MessageEnvelope
from tests.contract.places import (
    PROMISES,
    Place,
    call,
    collect,
    event_calls,
    nothing_comes,
    payment,
    service,
)

DURABLE = pytest.mark.promised("acknowledges")


def test_each_transport_promises_what_the_design_says(place: Place) -> None:
    assert place.connect().guarantees == PROMISES[place.kind]


@pytest.mark.only("memory", "nats", "nats-core")
async def test_a_broker_tells_of_no_peers(place: Place, bus: Bus) -> None:
    async with place.connect(), bus.subscribe(ServiceCall):
        assert bus.peers == ()


async def test_what_is_published_arrives_as_the_same_typed_event(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        published = await bus.publish(call(16_777_217.25, "żółć 🚀 \x00"))
        [message] = await collect(messages, 1)
    assert message.event == call(16_777_217.25, "żółć 🚀 \x00")
    assert message.type_name == "elk_stats.ServiceCall"
    assert message.id == published
    assert message.attempt == 1
    assert not message.possibly_replayed


async def test_a_message_says_who_sent_it_and_when(place: Place, bus: Bus) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    sent = datetime(2026, 11, 3, 4, 5, 6, 789_012, timezone(timedelta(hours=2)))
    async with bus.subscribe(ServiceCall) as messages:
        await bus.publish(bus.prepare(call(), time=sent, source="somebody-else"))
        await bus.publish(bus.prepare(call(), time="2026-11-03T04:05:06.123456789Z"))
        await bus.publish(call())
        dated, precise, plain = await collect(messages, 3)
    after = datetime.now(UTC) + timedelta(seconds=5)
    publisher = place.source_of("node-1")
    said = publisher if place.guarantees.authenticates else "somebody-else"
    assert (dated.time, dated.source) == (sent, said)
    assert precise.time_text == "2026-11-03T04:05:06.123456789Z"
    assert precise.time == datetime(2026, 11, 3, 4, 5, 6, 123_456, UTC)
    assert plain.source == publisher
    assert plain.time is not None
    assert before < plain.time < after
    assert before < plain.stored < after
    assert plain.stored.timestamp() == pytest.approx(plain.stored_ns / 1e9)


async def test_a_time_without_a_zone_does_not_leave(bus: Bus) -> None:
    with pytest.raises(ConfigError, match="time"):
        bus.prepare(call(), time=datetime(2026, 11, 3))


@pytest.mark.promised("ordered")
async def test_each_publishers_events_arrive_in_its_order(place: Place, bus: Bus) -> None:
    async with (
        place.connect(source="node-2") as other,
        bus.subscribe(ServiceCall, prefetch=50) as messages,
    ):
        await asyncio.gather(
            bus.publish_many(event_calls(300)), other.publish_many(event_calls(300))
        )
        arrived = await collect(messages, 600)
    for source in ("node-1", "node-2"):
        numbers = [m.event.call_id for m in arrived if m.source == source]
        assert numbers == [float(n) for n in range(300)]


@pytest.mark.promised("ordered")
async def test_single_publishes_arrive_in_order(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        for event in event_calls(20):
            await bus.publish(event)
        arrived = await collect(messages, 20)
    assert [m.event for m in arrived] == event_calls(20)


async def test_publish_many_says_how_many(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        assert await bus.publish_many(event_calls(1_234)) == 1_234
        assert await bus.publish_many(e for e in event_calls(3)) == 3
        assert await bus.publish_many([]) == 0
        assert len(await collect(messages, 1_237)) == 1_237


async def test_a_subscription_gets_the_types_it_names_and_no_others(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall, NtxPayment) as two, bus.subscribe(NewService) as one:
        await bus.publish_many([call(1), service(), payment(2)])
        assert [m.event for m in await collect(two, 2)] == [call(1), payment(2)]
        assert [m.event for m in await collect(one, 1)] == [service()]
        assert await nothing_comes(two)


async def test_patterns_name_a_module_or_everything(bus: Bus) -> None:
    inner = MessageEnvelope(type="anything", data=b"\x00\xff")
    async with (
        bus.subscribe("elk_stats.*") as module,
        bus.subscribe("*") as everything,
        bus.subscribe("*", "elk_stats.*", ServiceCall) as overlapping,
        bus.subscribe("ServiceCall") as bare,
    ):
        await bus.publish_many([call(), inner, payment()])
        assert [m.event for m in await collect(module, 2)] == [call(), payment()]
        assert [m.event for m in await collect(everything, 3)] == [call(), inner, payment()]
        assert [m.event for m in await collect(overlapping, 3)] == [call(), inner, payment()]
        assert [m.event for m in await collect(bare, 1)] == [call()]
        assert await nothing_comes(overlapping)


@pytest.mark.only("memory", "nats", "nats-core")
async def test_a_subscription_without_a_durable_gets_nothing_from_before(bus: Bus) -> None:
    await bus.publish(call(1))
    async with bus.subscribe(ServiceCall) as messages:
        await bus.publish(call(2))
        assert [m.event for m in await collect(messages, 1)] == [call(2)]
        assert await nothing_comes(messages, 0.1)


async def test_subscriptions_without_a_durable_all_get_everything(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as first, bus.subscribe(ServiceCall) as second:
        await bus.publish(call(2))
        for messages in (first, second):
            assert [m.event for m in await collect(messages, 1)] == [call(2)]
            assert await nothing_comes(messages, 0.1)


@DURABLE
async def test_a_subscription_without_a_durable_may_ask_for_all(bus: Bus) -> None:
    await bus.publish_many(event_calls(5))
    async with bus.subscribe(ServiceCall, start="all") as messages:
        assert [m.event for m in await collect(messages, 5)] == event_calls(5)


@DURABLE
async def test_a_durable_may_start_with_what_is_new(bus: Bus) -> None:
    await bus.publish(call(1))
    async with bus.subscribe(ServiceCall, durable="late", start="new") as messages:
        await bus.publish(call(2))
        assert [m.event for m in await collect(messages, 1)] == [call(2)]
        assert await nothing_comes(messages)


async def test_envelopes_of_both_encodings_are_read(place: Place, bus: Bus) -> None:
    async with (
        place.connect(source="node-2", encoding="msgpack") as packed,
        bus.subscribe(ServiceCall) as by_json,
        packed.subscribe(ServiceCall) as by_msgpack,
    ):
        ids = [await bus.publish(call(1)), await packed.publish(call(2))]
        for messages in (by_json, by_msgpack):
            arrived = await collect(messages, 2)
            assert sorted(m.event.call_id for m in arrived) == [1.0, 2.0]
            assert {m.id for m in arrived} == set(ids)
            sources = {place.source_of("node-1"), place.source_of("node-2")}
            assert {m.source for m in arrived} == sources


async def test_bare_names_and_aliases_are_read(place: Place, bus: Bus) -> None:
    aliases = {"/dms/elk/call/1.0": "ServiceCall", "pay": "elk_stats.NtxPayment"}
    async with (
        place.connect(aliases=aliases) as reader,
        reader.subscribe(ServiceCall, NtxPayment) as messages,
    ):
        for written, type_name in [
            ("ServiceCall", "elk_stats.ServiceCall"),
            ("/dms/elk/call/1.0", "elk_stats.ServiceCall"),
            ("pay", "elk_stats.NtxPayment"),
        ]:
            await place.put(b'{"Type":"%s","Data":"e30="}' % written.encode(), type_name)
        names = [m.type_name for m in await collect(messages, 3)]
    assert names == ["elk_stats.ServiceCall", "elk_stats.ServiceCall", "elk_stats.NtxPayment"]


async def test_what_a_go_node_writes_is_read(place: Place, bus: Bus) -> None:
    async with bus.subscribe(NtxPayment) as messages:
        await place.put(
            b'{"Type":"elk_stats.NtxPayment",'
            b'"Data":"eyJDYWxsSUQiOjEuNSwiQW1vdW50T2ZOdHgiOjQyLCJub3RlIjpudWxsfQ=="}',
            "elk_stats.NtxPayment",
            source="go-node",
        )
        [message] = await collect(messages, 1)
    assert (message.event.call_id, message.event.amount_of_ntx) == (1.5, 42)
    assert (message.source, message.time) == (place.source_of("go-node"), None)
    assert message.time_text == ""
    assert message.id


async def test_close_sends_what_was_published(place: Place, bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        publisher = place.connect()
        await publisher.open()
        await publisher.publish_many(event_calls(100))
        await publisher.close()
        assert len(await collect(messages, 100)) == 100


async def test_closing_the_bus_ends_a_waiting_subscription(place: Place) -> None:
    bus = place.connect()
    await bus.open()
    messages = bus.subscribe(ServiceCall)
    await messages.__aenter__()
    waiting = asyncio.ensure_future(anext(messages))
    await asyncio.sleep(0)
    await bus.close()
    with pytest.raises(TransportError):
        await asyncio.wait_for(waiting, 5)


async def test_a_closed_bus_does_not_publish(place: Place) -> None:
    async with place.connect() as bus:
        await bus.publish(call())
    with pytest.raises(ConnectionLostError):
        await bus.publish(call())
