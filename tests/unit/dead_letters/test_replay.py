"""From a dead letter to the message that it was; and what readers that are running make of it."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

import dms_events
from dms_events import DeadLetter, Forwarder
from dms_events.dead_letters.replay import prepare_replay
from dms_events.envelope import decode_envelope, encode_envelope
from dms_events.sink import Verdict
from tests.kit.letters import OLD
from tests.unit.worker.forwarding import forwarding, removals, until
from tests.unit.worker.scripted_sink import Lines, ScriptedSink

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
KEYS = st.sampled_from(["ID", "id", "Source", "TIME", "Time", "TraceParent", "Nonce", "signature"])
VALUES = st.one_of(TEXT, st.none())


def letter(**other: Any) -> DeadLetter:
    return msgspec.convert({**OLD, "numbers": (1,), **other}, DeadLetter)


def replayed(one: DeadLetter, payload: bytes) -> bytes:
    return prepare_replay(one, payload, again=False, to_all=False, max_payload=1 << 20).data


@given(
    data=st.binary(max_size=40),
    more=st.dictionaries(KEYS, VALUES, max_size=4),
    id=TEXT.filter(bool),
    indent=st.sampled_from([None, 1]),
    end=st.sampled_from(["", " ", "\r\n\t"]),
)
def test_an_envelope_gets_the_identity_it_lacks_and_loses_nothing(
    data: bytes, more: dict[str, Any], id: str, indent: int | None, end: str
) -> None:
    body = {"Type": "elk_stats.ServiceCall", "Data": base64.b64encode(data).decode(), **more}
    payload = (json.dumps(body, indent=indent) + end).encode()
    before = decode_envelope(payload)
    after = replayed(letter(id=id), payload)
    assert decode_envelope(after) == msgspec.structs.replace(before, id=before.id or id)
    if before.id:
        assert after == payload
    else:
        assert body.items() - {("ID", more.get("ID"))} <= json.loads(after).items()


@given(st.binary(max_size=60))
def test_what_is_no_envelope_is_sent_as_it_is(noise: bytes) -> None:
    try:
        envelope = decode_envelope(noise)
    except dms_events.DecodeError:
        assert replayed(letter(), noise) == noise
    else:
        assert decode_envelope(replayed(letter(), noise)).id == (envelope.id or "old")


def test_an_envelope_in_messagepack_stays_one() -> None:
    envelope = msgspec.structs.replace(decode_envelope(OLD["payload"]), source="me")
    after = replayed(letter(), encode_envelope(envelope, "msgpack"))
    assert after == encode_envelope(msgspec.structs.replace(envelope, id="old"), "msgpack")


def test_the_id_of_a_replay_is_one_for_an_original_and_never_one_that_was_published() -> None:
    def id(one: DeadLetter, again: bool = False, to_all: bool = False) -> str:
        room = 1 << 20
        return prepare_replay(one, one.payload, again=again, to_all=to_all, max_payload=room).id

    assert id(letter()) == id(letter(numbers=(9,), buried="later"))
    assert id(letter()) != id(letter(reader="another"))
    assert id(letter(), to_all=True) == id(letter(reader="another"), to_all=True)
    assert id(letter()) != id(letter(sequence=2))
    assert id(letter()) != id(letter(stored="when the stream was another"))
    assert id(letter(), again=True) != id(letter(), again=True)
    assert all(one.startswith("replay:") for one in (id(letter()), id(letter(), again=True)))


async def test_a_running_forwarder_judges_a_replay_of_what_it_refused_again() -> None:
    async with dms_events.connect("memory://") as bus:
        [event] = removals(bus, 1)
        await bus.publish(event)
        sink = ScriptedSink({event.id: Lines(Verdict.REJECTED)})
        forwarder = Forwarder(bus, sink, linger_s=0.01)
        async with forwarding(forwarder):
            await until(lambda: forwarder.stats.rejected == 1)
            sink.script[event.id] = Lines(Verdict.STORED)
            [refused] = [one async for one in bus.dead_letters.find()]
            await bus.dead_letters.replay(refused)
            await until(lambda: forwarder.stats.stored == 1)
        tally = forwarder.stats
        assert (tally.received, tally.rejected, tally.stored, tally.duplicates) == (2, 1, 1, 0)
        assert [one async for one in bus.dead_letters.find()] == []


async def test_a_running_forwarder_that_stored_it_stores_no_replay() -> None:
    async with dms_events.connect("memory://") as bus:
        [event] = removals(bus, 1)
        await bus.publish(event)
        sink = ScriptedSink()
        forwarder = Forwarder(bus, sink, linger_s=0.01)
        running = asyncio.create_task(forwarder.run())
        async with bus.subscribe("*", durable="another") as messages:
            message = await anext(messages)
            await bus.dead_letters.add(
                message.delivery, id=message.id, error=ValueError(), reader="another"
            )
        await until(lambda: forwarder.stats.stored == 1)
        async for one in bus.dead_letters.find():
            await bus.dead_letters.replay(one, to_all=True)
        await until(lambda: forwarder.stats.duplicates == 1)
        forwarder.stop()
        assert (await running).stored == 1
        assert sink.batches == [1]
