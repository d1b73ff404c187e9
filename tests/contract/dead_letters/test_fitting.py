"""A letter fits, and so does its replay, whatever the original's subject, identity and length."""

from __future__ import annotations

import asyncio
import base64
import random
from typing import Any

import msgspec
import pytest

import dms_events
from dms_events import Bus, DeadLetter, OutgoingMessage, Subscription, Worker
from dms_events.envelope import Encoding
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import (
    Place,
    buried,
    call,
    collect,
    event_calls,
    letters,
    until,
)

pytestmark = pytest.mark.promised("acknowledges")

CALL = "elk_stats.ServiceCall"
DATA = base64.b64encode(dms_events.encode(call(5))).decode()
MAX = 65_536


async def put(place: Place, subject: str, data: bytes) -> None:
    """Publish with a line as long as the server takes it, which a client with a reply could not."""
    host, _, port = place.url.removeprefix("nats://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b'CONNECT {"headers":true,"verbose":false}\r\n')
    writer.write(b"PUB %s %d\r\n%s\r\nPING\r\n" % (subject.encode(), len(data), data))
    async with asyncio.timeout(10):
        while (line := await reader.readline()) != b"PONG\r\n":
            assert line.startswith(b"INFO"), line
    writer.close()
    await writer.wait_closed()


def long_source(place: Place, length: int) -> str:
    return "ä" + "x" * (length - len(f"{place.root}.events.{CALL}.") - 2)


@pytest.mark.only("nats")
@pytest.mark.parametrize("length", [4040, 4070, 4085])
async def test_noise_on_a_subject_as_long_as_a_line_stops_no_worker(
    place: Place, bus: Bus, length: int
) -> None:
    subject = f"{place.root}.events.{CALL}.{long_source(place, length)}"
    await put(place, subject, b"{}")
    await bus.publish_many(event_calls(3))
    worker, handled = Worker("billing"), []

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        handled.append(event)

    worker.drain()
    async with asyncio.timeout(10):
        await worker.run(bus)
    assert (len(handled), worker.stats.undecodable) == (3, 1)
    [letter] = await letters(bus)
    assert letter.subject == subject
    assert letter.type_name == CALL


@pytest.mark.only("nats")
@pytest.mark.parametrize("length", [3000, 4085])
async def test_an_event_on_such_a_subject_is_replayed_to_its_reader(
    place: Place, bus: Bus, length: int
) -> None:
    source = long_source(place, length)
    await put(place, f"{place.root}.events.{CALL}.{source}", bus.prepare(call(), id="far").data)
    letter = await buried(bus)
    assert (letter.source, letter.payload_bytes) == (source, len(letter.payload))
    await bus.dead_letters.replay(letter)
    async with bus.subscribe("*", durable="billing") as messages:
        [message] = await collect(messages, 1)
        assert message.id == "far"
        assert source.startswith(message.delivery.source[:100])
        assert (message.delivery.source == source) is (length == 3000)
    assert await letters(bus) == []


@pytest.mark.only("nats")
async def test_a_subject_of_long_types_is_a_letter_that_its_type_finds(
    place: Place, bus: Bus
) -> None:
    type_name = f"{'m' * 1500}.{'T' * 1500}"
    await put(place, f"{place.root}.events.{type_name}.{'s' * 900}", b"{}")
    letter = await given_up(bus)
    assert (letter.type_name, letter.source) == (type_name, "s" * 900)
    assert await letters(bus, type=type_name) == [letter]
    assert await letters(bus, type=f"{'m' * 1500}.*") == [letter]
    assert await letters(bus, type=f"{'m' * 1499}.*") == []


async def test_a_source_of_any_length_is_kept_whole_in_the_letter(bus: Bus) -> None:
    sealed = bus.prepare(call())
    source = "ß" * 1000
    await bus.publish(OutgoingMessage("events", CALL, source, "", sealed.data))
    letter = await buried(bus)
    assert letter.source == source
    await bus.dead_letters.replay(letter)
    async with bus.subscribe("*", durable="billing") as messages:
        assert [m.delivery.source for m in await collect(messages, 1)] == [source]


async def test_a_long_identity_is_replayed_whole(place: Place, bus: Bus) -> None:
    id = "ü" * 2000
    payload = msgspec.json.encode({"Type": CALL, "Data": DATA})
    await place.put(payload, CALL, id=id)
    await bus.dead_letters.replay(await buried(bus))
    async with bus.subscribe("*", durable="billing") as messages:
        assert [m.id for m in await collect(messages, 1)] == [id]


@pytest.mark.only("nats")
@pytest.mark.parametrize("encoding", ["json", "msgpack"])
@pytest.mark.parametrize("id", ["", "x"], ids=["its own id", "a short id"])
@pytest.mark.parametrize("reader", ["billing", "b" * 200], ids=["short", "long"])
async def test_what_a_bus_accepts_can_be_given_up_and_replayed(
    narrow: Place, encoding: Encoding, id: str, reader: str
) -> None:
    async with narrow.connect(encoding=encoding) as bus:
        largest = await largest_accepted(bus, encoding, id)
        letter = await buried(bus, reader=reader)
        for keep in (True, False):
            await bus.dead_letters.replay(letter, keep=keep)
        async with bus.subscribe("*", durable=reader) as messages:
            found = await collect(messages, 2)
        assert {m.id for m in found} == {largest.id}
        assert {len(m.delivery.data) for m in found} == {len(largest.data)}


async def largest_accepted(bus: Bus, encoding: Encoding, id: str) -> OutgoingMessage:
    """Publish the largest event that the bus takes."""
    padding = MAX if encoding == "msgpack" else MAX * 3 // 4
    while True:
        message = bus.prepare(call(status="p" * padding), id=id)
        try:
            await bus.publish(message)
        except dms_events.PublishError:
            padding -= 1
        else:
            return message


@pytest.mark.only("nats")
@pytest.mark.parametrize("spare", [0, 30, 110])
@pytest.mark.parametrize("id", ["", "go-7"], ids=["without an id", "with one"])
async def test_what_others_published_up_to_the_last_byte_is_replayed(
    narrow: Place, spare: int, id: str
) -> None:
    head = msgspec.json.encode({"Type": CALL, "Data": "", **({"ID": id} if id else {})})
    event = dms_events.encode(call(5))
    length = (MAX - spare - len(head)) // 4 * 3
    data = base64.b64encode(event + b" " * (length - len(event)))
    payload = head.replace(b'""', b'"%s"' % data, 1)
    assert MAX - spare - 4 < len(payload) <= MAX - spare
    async with narrow.connect() as bus:
        await put(narrow, f"{narrow.root}.events.{CALL}.node", payload)
        letter = await buried(bus)
        await bus.dead_letters.replay(letter)
        async with bus.subscribe("*", durable="billing") as messages:
            [message] = await collect(messages, 1)
            assert (message.id, message.event, message.delivery.source) == (
                letter.id,
                call(5),
                "node",
            )


@pytest.mark.only("nats")
async def test_bytes_that_are_no_event_say_what_they_lack_for_a_replay(narrow: Place) -> None:
    noise = random.Random(1).randbytes(MAX)
    async with narrow.connect() as bus:
        await put(narrow, f"{narrow.root}.events.{CALL}._", noise[:-70])
        await put(narrow, f"{narrow.root}.events.{CALL}._", noise)
        async with bus.subscribe(ServiceCall, durable="billing") as messages:
            assert await messages.batch(1, 0.5) == []
            fitting, full = await letters(bus)
            await bus.dead_letters.replay(fitting)
            await until(lambda: counted(messages, 3))
        with pytest.raises(dms_events.ReplayError, match="leave no room for a message id"):
            await bus.dead_letters.replay(full)


async def given_up(bus: Bus) -> DeadLetter:
    """The letter of the only message, which cannot be read."""
    async with bus.subscribe("*", durable="billing") as messages:
        await until(lambda: counted(messages, 1))
    [letter] = await letters(bus)
    return letter


async def counted(messages: Subscription[Any], count: int) -> bool:
    await messages.batch(1, 0.05)
    return messages.undecodable == count


@pytest.mark.only("nats")
async def test_a_letter_fits_where_little_fits(narrow: Place) -> None:
    """A header block, an identity and a subject that are larger than the rest together."""
    async with narrow.connect() as bus, narrow.foreign() as client:
        subject = f"{narrow.root}.events.{CALL}.{'ä' * 1500}"
        headers = {"Nats-Msg-Id": "ö" * 4000, **{f"X-{n}": "ü" * 300 for n in range(30)}}
        await client.jetstream().publish(subject, b"noise" * 5000, headers=headers)
        letter = await given_up(bus)
        assert letter.subject == subject
        assert letter.payload_bytes == 25_000


@pytest.mark.only("nats")
async def test_a_letter_of_a_message_without_its_bytes_is_replayed_whole(
    place: Place, bus: Bus
) -> None:
    """As a consumer with headers_only delivers it."""
    sealed = bus.prepare(call(), id="whole")
    await bus.publish(sealed)
    letter = msgspec.structs.replace(
        await buried(bus),
        payload=b"",
        payload_bytes=0,
        headers={"Nats-Msg-Size": str(len(sealed.data))},
    )
    await bus.dead_letters.replay(letter)
    async with bus.subscribe("*", durable="billing") as messages:
        assert [m.event for m in await collect(messages, 1)] == [call()]
