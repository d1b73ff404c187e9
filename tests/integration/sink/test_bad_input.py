"""What should not have been sent: it never leaves, or it ends as a dead letter; its neighbours live."""

from __future__ import annotations

import base64
import json
import math
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import nats
import pytest
import pytest_asyncio
from nats.aio.client import Client

import dms_events
from dms_events import Bus, DeadLetter, EncodeError, PublishError, Stats
from dms_events.types.elk_stats import NewService
from dms_events_nats import NatsServer
from dms_events_sqlite import SqliteSink
from tests.kit.storing import adds_up, call, forward, ids_in, ids_of, prepared

CALLS = "dms.events.elk_stats.ServiceCall._"
NOISE = random.Random(7).randbytes(100_000)
GOOD_EVENT = dms_events.encode(call(1))


def envelope(type_name: object, event: bytes) -> bytes:
    """An envelope as a Go node writes it: no ID."""
    data = base64.b64encode(event).decode()
    return json.dumps({"Type": type_name, "Data": data}).encode()


WHOLE = envelope("elk_stats.ServiceCall", GOOD_EVENT)

BAD: dict[str, tuple[str, bytes, str, str]] = {
    "half an envelope": (CALLS, WHOLE[: len(WHOLE) // 2], "DecodeError", "Envelope"),
    "half an event": (
        CALLS,
        envelope("elk_stats.ServiceCall", GOOD_EVENT[: len(GOOD_EVENT) // 2]),
        "DecodeError",
        "elk_stats.ServiceCall",
    ),
    "noise": (CALLS, NOISE, "DecodeError", "Envelope"),
    "nothing": (CALLS, b"", "DecodeError", "Envelope"),
    "a string for a number": (
        CALLS,
        envelope("elk_stats.ServiceCall", GOOD_EVENT.replace(b'"MaxRAM":2048.0', b'"MaxRAM":"2"')),
        "DecodeError",
        "elk_stats.ServiceCall: MaxRAM",
    ),
    "a number beyond float32": (
        CALLS,
        envelope("elk_stats.ServiceCall", GOOD_EVENT.replace(b"2048.0", b"1e39")),
        "DecodeError",
        "elk_stats.ServiceCall: MaxRAM",
    ),
    "an unknown type": (
        "dms.events.elk_stats.Party._",
        envelope("elk_stats.Party", b"{}"),
        "UnknownTypeError",
        "'elk_stats.Party'",
    ),
    "a type that was not asked for": (
        CALLS,
        envelope("network_config.MessageEnvelope", b"{}"),
        "DecodeError",
        "network_config.MessageEnvelope",
    ),
    "a number for a type": (CALLS, envelope(17, b"{}"), "DecodeError", "Type"),
}


@pytest_asyncio.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[Bus]:
    async with dms_events.connect(nats_server.url) as bus:
        yield bus


@pytest_asyncio.fixture
async def stranger(nats_server: NatsServer, bus: Bus) -> AsyncIterator[Client]:
    """A plain client, which checks nothing."""
    client = await nats.connect(nats_server.url)
    yield client
    await client.close()


async def into_sqlite(bus: Bus, database: Path, durable: str = "sink") -> Stats:
    async with SqliteSink(f"sqlite:{database}") as sink:
        return await forward(bus, sink, durable)


async def letters(bus: Bus) -> list[DeadLetter]:
    return [letter async for letter in bus.dead_letters.find()]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("max_ram", math.nan, "NaN"),
        ("max_ram", -math.inf, "out of float32's range"),
        ("max_ram", 1e39, "out of float32's range"),
        ("max_ram", 10**400, "out of float32's range"),
        ("amount_of_ntx", 2**31, "out of int32's range -2147483648..2147483647"),
        ("amount_of_ntx", 1.5, "expected int, got float"),
        ("amount_of_ntx", True, "expected int, got bool"),
        ("status", None, "expected str, got NoneType"),
        ("status", b"ok", "expected str, got bytes"),
        ("status", "\ud800", "lone surrogate"),
        ("max_ram", "2048", "expected float, got str"),
    ],
)
async def test_what_go_could_not_read_is_not_sent(
    bus: Bus, stranger: Client, field: str, value: Any, reason: str
) -> None:
    wrong = msgspec.structs.replace(call(2), **{field: value})
    with pytest.raises(EncodeError, match=reason) as refused:
        await bus.publish(wrong)
    assert (refused.value.type, refused.value.field) == ("elk_stats.ServiceCall", field)
    stream = stranger.jetstream()
    assert (await stream.stream_info("DMS_EVENTS")).state.messages == 0

    with pytest.raises(EncodeError, match=reason):
        await bus.publish_many([call(0), call(1), wrong, call(3)])
    assert (await stream.stream_info("DMS_EVENTS")).state.messages == 2, "those before it are"


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_message_is_a_dead_letter_and_its_neighbours_are_stored(
    bus: Bus, stranger: Client, database: Path, what: str
) -> None:
    subject, payload, error, reason = BAD[what]
    neighbours = prepared(bus, 10)
    await bus.publish_many(neighbours[:5])
    await stranger.jetstream().publish(subject, payload)
    await bus.publish_many(neighbours[5:])
    tally = await into_sqlite(bus, database)
    assert ids_in(database) == ids_of(neighbours)
    assert (tally.received, tally.stored, tally.undecodable) == (11, 10, 1)
    assert adds_up(tally), tally
    [letter] = await letters(bus)
    assert (letter.payload, letter.payload_bytes) == (payload, len(payload))
    assert (letter.subject, letter.sequence, letter.reader) == (subject, 6, "sink")
    assert letter.error == error
    assert reason in letter.reason


async def test_all_kinds_of_bad_messages_together_leave_one_letter_each(
    bus: Bus, stranger: Client, database: Path
) -> None:
    neighbours = prepared(bus, 3000)
    jetstream = stranger.jetstream()
    for n, (subject, payload, _, _) in enumerate(BAD.values()):
        await bus.publish_many(neighbours[n * 300 : n * 300 + 300])
        await jetstream.publish(subject, payload)
    await bus.publish_many(neighbours[len(BAD) * 300 :])
    for reader in ("first", "second"):
        tally = await into_sqlite(bus, database, reader)
        assert tally.undecodable == len(BAD)
        assert adds_up(tally), tally
    assert ids_in(database) == ids_of(neighbours)
    found = await letters(bus)
    for reader in ("first", "second"):
        payloads = [letter.payload for letter in found if letter.reader == reader]
        assert payloads == [payload for _, payload, _, _ in BAD.values()]
    assert len({letter.id for letter in found}) == len(BAD), "one identity, whoever read it"


async def test_an_event_beyond_the_servers_limit_is_refused_before_it_is_sent(
    bus: Bus, database: Path
) -> None:
    big = NewService(
        service_id="s", service_name="n", service_description="x" * 1_000_000, timestamp=1.0
    )
    neighbours = prepared(bus, 10)
    too_big = bus.prepare(big)
    with pytest.raises(PublishError, match=r"more than the server's max_payload") as refused:
        await bus.publish_many([*neighbours[:5], too_big, *neighbours[5:]])
    first, *rest = refused.value.unacknowledged
    assert first is too_big
    assert await bus.publish_many(rest) == 5
    tally = await into_sqlite(bus, database)
    assert ids_in(database) == ids_of(neighbours)
    assert tally.received == tally.stored == 10


async def test_a_bad_message_that_leaves_no_room_beside_it_is_cut_in_its_letter(
    bus: Bus, stranger: Client, database: Path
) -> None:
    payload = NOISE * 10 + NOISE[: 2**20 - 1_000_100]
    neighbours = prepared(bus, 2)
    await bus.publish(neighbours[0])
    await stranger.jetstream().publish(CALLS, payload)
    await bus.publish(neighbours[1])
    tally = await into_sqlite(bus, database)
    assert (tally.stored, tally.undecodable) == (2, 1)
    [letter] = await letters(bus)
    assert len(letter.payload) > 1_000_000
    assert payload.startswith(letter.payload)
    assert letter.payload_bytes == len(payload), "the letter does not hide that it was cut"
    original = await stranger.jetstream().get_msg("DMS_EVENTS", letter.sequence)
    assert original.data == payload
