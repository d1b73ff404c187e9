"""What cannot be read never reaches a handler, and is never lost."""

from __future__ import annotations

import base64
import random
from typing import Any

import msgspec
import pytest

import dms_events
from dms_events import Bus, Subscription
from dms_events.types.elk_stats import NewService, ServiceCall
from tests.contract.places import Place, call, collect, letters, nothing_comes, service, until

DURABLE = pytest.mark.promised("acknowledges")


def envelope(type_name: str, data: bytes, **more: str) -> bytes:
    return msgspec.json.encode({"Type": type_name, "Data": base64.b64encode(data).decode(), **more})


async def nothing_waits(messages: Subscription[Any]) -> bool:
    return await messages.backlog() == 0


GOOD = b'{"CallID":1}'
NOISE = random.Random(7).randbytes
UNREADABLE = {
    "noise": NOISE(300),
    "empty": b"",
    "text": b"hello",
    "half a document": envelope("elk_stats.ServiceCall", GOOD)[:40],
    "100 kB of noise": NOISE(100_000),
    "noise like MessagePack": b"\x82" + NOISE(300),
    "deep": b'{"Type":' + b"[" * 50_000,
    "no envelope": GOOD,
    "unknown type": envelope("elk_stats.Nothing", GOOD),
    "a type of elsewhere": envelope("elk_stats.NewService", b"{}"),
    "no data": envelope("elk_stats.ServiceCall", b""),
    "half an event": envelope("elk_stats.ServiceCall", GOOD[:7]),
    "a wrong event": envelope("elk_stats.ServiceCall", b'{"CallID":"one"}'),
    "data that is not base64": b'{"Type":"elk_stats.ServiceCall","Data":"%%%"}',
}


@DURABLE
@pytest.mark.parametrize("payload", UNREADABLE.values(), ids=UNREADABLE.keys())
async def test_what_cannot_be_read_becomes_a_dead_letter(
    place: Place, bus: Bus, payload: bytes
) -> None:
    async with bus.subscribe(ServiceCall, durable="reader") as messages:
        await bus.publish(call(1))
        await place.put(payload, "elk_stats.ServiceCall", source="stranger")
        await bus.publish(call(2))
        arrived = await collect(messages, 2)
        assert [m.event.call_id for m in arrived] == [1.0, 2.0]
        assert messages.undecodable == 1
        assert await nothing_comes(messages, 0.1)
        await until(lambda: nothing_waits(messages))
    [letter] = await letters(bus)
    assert letter.payload == payload
    assert letter.payload_bytes == len(payload)
    assert letter.reason
    assert letter.error in ("DecodeError", "UnknownTypeError")
    assert (letter.reader, letter.attempts, letter.source) == ("reader", 1, "stranger")
    assert letter.type_name == "elk_stats.ServiceCall"
    assert "elk_stats" in letter.subject
    assert letter.sequence == 2
    assert letter.id
    assert letter.stored < letter.buried


@DURABLE
async def test_an_event_without_an_envelope_is_told_what_it_lacks(place: Place, bus: Bus) -> None:
    async with bus.subscribe(ServiceCall, durable="reader") as messages:
        await place.put(dms_events.encode(call()), "elk_stats.ServiceCall")
        assert await nothing_comes(messages, 0.1)
        await until(lambda: nothing_waits(messages))
    [letter] = await letters(bus)
    assert letter.reason.startswith("Envelope: Type: is missing: an event travels in an envelope")


@DURABLE
async def test_dead_letters_stay_and_are_no_events(place: Place, bus: Bus) -> None:
    await place.put(b"noise", "elk_stats.ServiceCall")
    async with bus.subscribe("*", durable="reader") as messages:
        await bus.publish(call())
        await collect(messages, 1)
        assert await nothing_comes(messages)
        assert messages.undecodable == 1
    assert await letters(bus) == await letters(bus)
    assert len(await letters(bus)) == 1


@DURABLE
async def test_each_reader_buries_for_itself_and_once(place: Place, bus: Bus) -> None:
    await place.put(envelope("nobody.Knows", b"{}", ID="its-own-id"), "elk_stats.ServiceCall")
    await bus.publish(call())
    for reader in ("a", "b"):
        async with bus.subscribe(ServiceCall, durable=reader) as messages:
            await collect(messages, 1)
    for _ in range(2):
        async with bus.subscribe(ServiceCall, durable="a") as messages:
            assert await nothing_comes(messages, 0.1)
    found = await letters(bus)
    assert [(letter.reader, letter.id) for letter in found] == [
        ("a", "its-own-id"),
        ("b", "its-own-id"),
    ]


@DURABLE
async def test_who_only_looks_on_buries_nothing(place: Place, bus: Bus) -> None:
    async with bus.subscribe(ServiceCall, durable="reader") as reader:
        async with bus.subscribe(ServiceCall) as onlooker:
            await place.put(b"noise", "elk_stats.ServiceCall")
            await bus.publish(call())
            await collect(onlooker, 1)
            assert onlooker.undecodable == 1
        assert await letters(bus) == []
        await collect(reader, 1)
    assert len(await letters(bus)) == 1


@DURABLE
async def test_a_type_on_anothers_subject_is_a_dead_letter_also_for_who_asked_for_both(
    place: Place, bus: Bus
) -> None:
    async with bus.subscribe(ServiceCall, NewService, durable="both") as messages:
        await place.put(
            envelope("elk_stats.NewService", dms_events.encode(service(""))),
            "elk_stats.ServiceCall",
        )
        await bus.publish(service("named"))
        assert [m.event for m in await collect(messages, 1)] == [service("named")]
        assert messages.undecodable == 1
    [letter] = await letters(bus)
    assert letter.reason.endswith("it was published as elk_stats.ServiceCall")


@DURABLE
async def test_many_unreadable_messages_hold_nothing_up(place: Place, bus: Bus) -> None:
    async with bus.subscribe(ServiceCall, durable="reader", prefetch=10) as messages:
        for n in range(50):
            await place.put(NOISE(n), "elk_stats.ServiceCall")
        await bus.publish(call())
        await collect(messages, 1)
        assert messages.undecodable == 50
    assert len({letter.sequence for letter in await letters(bus)}) == 50


@pytest.mark.only("nats")
async def test_a_dead_letter_without_room_for_all_says_where_the_rest_is(narrow: Place) -> None:
    payload = NOISE(65_000)
    async with narrow.connect() as bus, bus.subscribe(ServiceCall, durable="r") as messages:
        await narrow.put(payload, "elk_stats.ServiceCall")
        await bus.publish(call())
        await collect(messages, 1)
        await until(lambda: nothing_waits(messages))
        [letter] = await letters(bus)
    assert payload.startswith(letter.payload)
    assert 50_000 < len(letter.payload) < 65_000
    assert (letter.payload_bytes, letter.sequence) == (65_000, 1)


@pytest.mark.only("nats")
async def test_an_id_without_end_is_no_way_to_block_a_reader(narrow: Place) -> None:
    async with narrow.connect() as bus, bus.subscribe(ServiceCall, durable="r") as messages:
        await narrow.put(
            envelope("nobody.Knows", b"{}", ID="x" * 60_000, Source="y" * 100),
            "elk_stats.ServiceCall",
        )
        await bus.publish(call())
        await collect(messages, 1)
        await until(lambda: nothing_waits(messages))
        [letter] = await letters(bus)
        assert letter.id.startswith("xxx")


@pytest.mark.only("nats-core")
async def test_core_counts_what_cannot_be_read_and_goes_on(place: Place, bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        for payload in UNREADABLE.values():
            await place.put(payload, "elk_stats.ServiceCall")
        await bus.publish(call())
        await collect(messages, 1)
        assert messages.undecodable == len(UNREADABLE)
    assert await letters(bus) == []
