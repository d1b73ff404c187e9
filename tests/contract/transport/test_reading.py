"""Waiting may be cancelled, a durable is one set of filters, and identities hold."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from dms_events import Bus, ConfigError, Message, UnknownTypeError
from dms_events.types.elk_stats import NtxPayment, ServiceCall
from tests.contract.places import Place, call, collect, event_calls, nothing_comes

DURABLE = pytest.mark.promised("acknowledges")
GO = b'{"Type":"elk_stats.ServiceCall","Data":"eyJDYWxsSUQiOjF9"}'


async def test_a_cancelled_wait_for_the_next_message_loses_nothing(bus: Bus) -> None:
    arrived: list[Message[ServiceCall]] = []
    async with bus.subscribe(ServiceCall) as messages:
        for event in event_calls(40):
            waiting = asyncio.ensure_future(anext(messages))
            await asyncio.sleep(0)
            await bus.publish(event)
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                arrived.append(await waiting)
        arrived += await collect(messages, 40 - len(arrived))
        assert await nothing_comes(messages, 0.1)
    assert [m.event for m in arrived] == event_calls(40)


async def test_a_cancelled_wait_for_a_batch_loses_nothing(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        await bus.publish_many(event_calls(3))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(messages.batch(10, 30.0), 0.5)
        assert [m.event for m in await collect(messages, 3, within_s=3)] == event_calls(3)


async def test_a_batch_is_full_or_late(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        await bus.publish_many(event_calls(7))
        async with asyncio.timeout(10):
            assert [m.event for m in await messages.batch(5, 30.0)] == event_calls(5)
            assert [m.event for m in await messages.batch(5, 0.3)] == event_calls(2, first=5)
            assert await messages.batch(5, 0.05) == []


@DURABLE
async def test_a_durable_with_other_filters_is_refused_by_name(place: Place, bus: Bus) -> None:
    async with bus.subscribe(ServiceCall, durable="billing"):
        pass
    async with place.connect() as other:
        for wanted in ((NtxPayment,), (ServiceCall, NtxPayment), ("elk_stats.*",), ("*",)):
            with pytest.raises(ConfigError, match="billing") as caught:
                await other.subscribe(*wanted, durable="billing").__aenter__()
            assert caught.value.setting == "durable"
            assert "another durable name" in str(caught.value)
        await bus.publish(call())
        async with other.subscribe(ServiceCall, durable="billing") as messages:
            await collect(messages, 1)


@DURABLE
async def test_a_durable_takes_the_same_filters_in_another_order(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall, NtxPayment, durable="d"):
        pass
    async with bus.subscribe("NtxPayment", ServiceCall, durable="d") as messages:
        await bus.publish(call())
        await collect(messages, 1)


def test_an_impossible_subscription_is_refused_at_once(place: Place) -> None:
    bus = place.connect()
    with pytest.raises(UnknownTypeError):
        bus.subscribe("elk_stats.Nothing")
    with pytest.raises(UnknownTypeError):
        bus.subscribe("nothing.*")
    with pytest.raises(ConfigError):
        bus.subscribe()
    with pytest.raises(ConfigError, match="durable"):
        bus.subscribe(ServiceCall, durable="a.b")
    with pytest.raises(ConfigError, match="prefetch"):
        bus.subscribe(ServiceCall, prefetch=0)
    with pytest.raises(ConfigError, match="ack_wait_s"):
        bus.subscribe(ServiceCall, ack_wait_s=0)


def test_a_source_is_one_token(place: Place) -> None:
    for source in ("a.b", "a b", "*", ">", "a/b", "x" * 201, "\ud800"):
        with pytest.raises(ConfigError, match="source"):
            place.connect(source=source)
        with pytest.raises(ConfigError, match="source"):
            place.connect().prepare(call(), source=source)


@DURABLE
async def test_a_message_without_an_id_has_the_same_id_in_every_reading(
    place: Place, bus: Bus
) -> None:
    await place.put(GO, "elk_stats.ServiceCall")
    await place.put(GO, "elk_stats.ServiceCall")
    readings = []
    for durable in ("a", "b"):
        async with (
            place.connect() as other,
            other.subscribe(ServiceCall, durable=durable) as messages,
        ):
            readings.append([m.id for m in await collect(messages, 2)])
            assert await nothing_comes(messages, 0.1)
    assert readings[0] == readings[1]
    assert len(set(readings[0])) == 2


@DURABLE
async def test_a_redelivered_message_keeps_its_place_and_id(place: Place, bus: Bus) -> None:
    await place.put(GO, "elk_stats.ServiceCall")
    async with bus.subscribe(ServiceCall, durable="d") as messages:
        [first] = await collect(messages, 1, ack=False)
        await first.nak()
        [again] = await collect(messages, 1)
    assert (first.id, first.sequence, first.stored_ns) == (
        again.id,
        again.sequence,
        again.stored_ns,
    )


@pytest.mark.only("memory", "nats", "nats-core")
async def test_the_envelopes_id_goes_before_the_transports(place: Place, bus: Bus) -> None:
    with_id = GO[:-1] + b',"ID":"of-the-envelope"}'
    async with bus.subscribe(ServiceCall) as messages:
        await place.put(with_id, "elk_stats.ServiceCall", id="of-the-header")
        await place.put(GO, "elk_stats.ServiceCall", id="of-another-header")
        ids = [m.id for m in await collect(messages, 2)]
    assert ids == ["of-the-envelope", "of-another-header"]
