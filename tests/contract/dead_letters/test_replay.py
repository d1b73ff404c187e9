"""A dead letter goes back to its readers as what it was, and only then is it dropped."""

from __future__ import annotations

import base64
import random
from typing import Any

import msgspec
import pytest

import dms_events
from dms_events import (
    Bus,
    DeadLetter,
    Envelope,
    PublishError,
    Subscription,
    TransportError,
)
from dms_events.envelope import decode_envelope, encode_envelope
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import (
    Place,
    buried,
    call,
    collect,
    event_calls,
    letters,
    nothing_comes,
    until,
)

pytestmark = pytest.mark.promised("acknowledges")

CALL = "elk_stats.ServiceCall"
PROTOCOL = "/dms/elk/call/1.0"
DATA = base64.b64encode(dms_events.encode(call(5))).decode()


def go_written(type_name: str = CALL, **more: Any) -> bytes:
    """An envelope without an ID, as Go's `MessageEnvelope` is written."""
    return msgspec.json.encode({"Type": type_name, "Data": DATA, **more})


WITHOUT_ID = {
    "as Go writes it": go_written(),
    "with keys that are not ours": go_written(Signature="c2ln", Nonce=7),
    "with white space": b' {\n "Type" : "%s" ,"Data":"%s"\n}\n ' % (CALL.encode(), DATA.encode()),
    "with an empty id in another case": go_written(id=""),
    "in another order and case": msgspec.json.encode({"data": DATA, "TYPE": CALL, "source": "me"}),
    "MessagePack": encode_envelope(Envelope(type=CALL, data=dms_events.encode(call(5))), "msgpack"),
}


async def test_what_a_mended_reader_could_not_read_is_handled_once_and_is_the_same_event(
    place: Place, bus: Bus
) -> None:
    await place.put(go_written(PROTOCOL, ID="the-event"), CALL, source="node-7")
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        await bus.publish(call(1))
        await collect(messages, 1)
        await until(lambda: settled(messages))
    [letter] = await letters(bus)
    assert (letter.id, letter.error) == ("the-event", "UnknownTypeError")

    async with (
        place.connect(aliases={PROTOCOL: CALL}) as mended,
        mended.subscribe(ServiceCall, durable="billing") as messages,
    ):
        await bus.dead_letters.replay(letter)
        [message] = await collect(messages, 1)
        assert (message.id, message.source, message.event) == ("the-event", "node-7", call(5))
        assert (message.sequence, message.attempt) == (3, 1)
        assert await nothing_comes(messages)
        assert await messages.backlog() == 0
    assert await letters(bus) == []


@pytest.mark.parametrize("payload", WITHOUT_ID.values(), ids=WITHOUT_ID.keys())
@pytest.mark.parametrize("claimed", ["", "go-1"], ids=["by its place", "by its header"])
async def test_an_event_that_names_no_id_keeps_its_identity_and_its_bytes(
    place: Place, bus: Bus, payload: bytes, claimed: str
) -> None:
    await place.put(payload, CALL, source="node-7", id=claimed)
    async with bus.subscribe(ServiceCall, durable="other") as messages:
        [original] = await collect(messages, 1)
        assert original.envelope.id == ""
        letter = await buried(bus)
        assert letter.payload == payload
        await bus.dead_letters.replay(letter, to_all=True)
        [replayed] = await collect(messages, 1)
    assert replayed.id == original.id == letter.id == (claimed or original.delivery.position_id)
    assert replayed.subject == original.subject
    assert replayed.envelope == msgspec.structs.replace(original.envelope, id=original.id)
    if payload.startswith(b"\x82"):
        assert replayed.delivery.data.startswith(b"\x83")
    else:
        assert replayed.delivery.data.startswith(payload.rstrip()[:-1])


async def test_an_event_with_an_id_is_replayed_byte_for_byte(bus: Bus) -> None:
    original = bus.prepare(call(), id="its-own")
    await bus.publish(original)
    await bus.dead_letters.replay(await buried(bus))
    async with bus.subscribe(ServiceCall, start="all") as messages:
        assert [m.delivery.data for m in await collect(messages, 2)] == [original.data] * 2


async def test_a_replay_to_all_reaches_every_reader_of_the_type(bus: Bus) -> None:
    id = await bus.publish(call())
    letter = await buried(bus)
    async with bus.subscribe(ServiceCall, durable="healthy") as healthy:
        await collect(healthy, 1)
        await bus.dead_letters.replay(letter, to_all=True)
        async with bus.subscribe("*", durable="billing") as billing:
            for reader in (healthy, billing):
                assert [m.id for m in await collect(reader, 1)] == [id]


async def test_replaying_twice_publishes_once(bus: Bus) -> None:
    await bus.publish(call())
    letter = await buried(bus)
    await bus.dead_letters.replay(letter, to_all=True)
    await bus.dead_letters.replay(letter, to_all=True)
    async with bus.subscribe(ServiceCall, durable="billing-2") as messages:
        assert [m.sequence for m in await collect(messages, 2)] == [1, 2]
        assert await nothing_comes(messages)


async def test_a_crash_between_publishing_and_dropping_does_not_publish_twice(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bus.publish(call())
    letter = await buried(bus)

    async def lost(_: DeadLetter) -> bool:
        raise TransportError("the connection is lost")

    with monkeypatch.context() as crashing:
        crashing.setattr(bus.dead_letters, "drop", lost)
        with pytest.raises(TransportError, match="1 was replayed, but is still there: the conn"):
            await bus.dead_letters.replay(letter)
    assert await letters(bus) == [letter]
    await bus.dead_letters.replay(letter)
    assert await letters(bus) == []
    async with bus.subscribe("*", durable="billing") as messages:
        assert len(await collect(messages, 1)) == 1
        assert await nothing_comes(messages)


async def test_the_letters_of_two_readers_are_one_event_for_all(bus: Bus) -> None:
    await bus.publish(call())
    for letter in [await buried(bus, reader="a"), await buried(bus, reader="b")]:
        await bus.dead_letters.replay(letter, to_all=True)
    assert await letters(bus) == []
    for reader in ("a", "b"):
        async with bus.subscribe("*", durable=reader) as messages:
            await collect(messages, 1)
            assert await nothing_comes(messages, 0.1)


async def test_a_letter_that_is_kept_can_be_replayed_again_at_once(bus: Bus) -> None:
    id = await bus.publish(call())
    letter = await buried(bus)
    for _ in range(2):
        await bus.dead_letters.replay(letter, keep=True)
        assert await letters(bus) == [letter]
    async with bus.subscribe("*", durable="billing") as messages:
        assert [m.id for m in await collect(messages, 2)] == [id, id]


async def test_a_dry_run_changes_nothing(bus: Bus) -> None:
    await bus.publish(call())
    letter = await buried(bus)
    await bus.dead_letters.replay(letter, dry_run=True)
    assert await letters(bus) == [letter]
    async with bus.subscribe("*", durable="billing") as messages:
        assert await nothing_comes(messages)


async def test_what_is_still_broken_is_a_new_letter_and_replaying_all_ends(bus: Bus) -> None:
    await bus.publish_many(event_calls(20))
    for _ in range(20):
        await buried(bus)
    old = await letters(bus)
    replayed = 0
    async for letter in bus.dead_letters.find():
        await bus.dead_letters.replay(letter)
        await buried(bus)
        replayed += 1
    assert replayed == 20
    new = await letters(bus)
    assert [letter.id for letter in new] == [letter.id for letter in old]
    assert {letter.number for letter in new} == set(range(21, 41))
    assert [letter.sequence for letter in new] == list(range(21, 41))


async def test_noise_is_replayed_as_it_is_and_is_another_letter_then(
    place: Place, bus: Bus
) -> None:
    noise = random.Random(3).randbytes(200)
    await place.put(noise, CALL, source="stranger")
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        await bus.publish(call(1))
        await collect(messages, 1)
        await until(lambda: settled(messages))
        [letter] = await letters(bus)
        await bus.dead_letters.replay(letter)
        await bus.publish(call(2))
        await collect(messages, 1)
        await until(lambda: settled(messages))
    [again] = await letters(bus)
    assert (again.payload, again.source, again.subject) == (noise, "stranger", letter.subject)
    assert (letter.sequence, again.sequence) == (1, 3)
    assert again.id.startswith("replay:")


async def test_what_the_stream_has_no_room_for_stays_a_letter(place: Place) -> None:
    async with place.connect(max_messages=2) as bus:
        await bus.publish(call(1))
        letter = await buried(bus)
        await bus.publish(call(2))
        with pytest.raises(PublishError):
            await bus.dead_letters.replay(letter)
        assert await letters(bus) == [letter]
        assert await place.undo(2)
        await bus.dead_letters.replay(letter)
        assert await letters(bus) == []


@pytest.mark.only("nats")
async def test_a_cut_original_is_fetched_whole(narrow: Place) -> None:
    payload = go_written(Padding="p" * 64_700, ID="long")
    async with narrow.connect() as bus:
        await narrow.put(payload, CALL)
        letter = await buried(bus)
        assert len(letter.payload) < letter.payload_bytes == len(payload)
        await bus.dead_letters.replay(letter)
        async with bus.subscribe("*", durable="billing") as messages:
            [message] = await collect(messages, 1)
            assert (message.id, message.delivery.data) == ("long", payload)


@pytest.mark.only("nats")
async def test_a_replay_after_the_duplicate_window_gets_through_too(place: Place) -> None:
    async with place.connect(duplicate_window_s=0.1) as bus:
        id = await bus.publish(call())
        letter = await buried(bus)
        await until(lambda: forgotten(place, id))
        await bus.dead_letters.replay(letter)
        async with bus.subscribe("*", durable="billing") as messages:
            assert {m.id for m in await collect(messages, 2)} == {id}


async def settled(messages: Subscription[Any]) -> bool:
    return await messages.backlog() == 0


async def forgotten(place: Place, id: str) -> bool:
    """Whether the server takes the id again; each try that it takes is an event."""
    async with place.foreign() as client:
        subject = f"{place.root}.events.{CALL}._"
        payload = go_written(ID=id)
        ack = await client.jetstream().publish(subject, payload, headers={"Nats-Msg-Id": id})
    return ack.duplicate is not True


def test_the_samples_are_envelopes_without_an_id() -> None:
    assert [decode_envelope(sample).id for sample in WITHOUT_ID.values()] == [""] * len(WITHOUT_ID)
