"""Notes of attempts that are damaged, refused or gone: every message gets its verdict all the same."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress

import msgspec
import nats.js.errors
import pytest

from dms_events import Bus, ConnectionLostError, Worker
from dms_events.transport import KeyValue
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, collect, event_calls, letters, until

from .working import running

pytestmark = pytest.mark.promised("acknowledges")

DAMAGED = {
    "no record": b"\xc1 no record",
    "of another kind": msgspec.msgpack.encode(["spent", 1]),
    "cut": msgspec.msgpack.encode({"spent": 1, "suspect": True, "delivery": 1, "first": ""})[:-3],
    "less than none": msgspec.msgpack.encode(
        {"spent": -(10**6), "suspect": False, "delivery": 1, "first": ""}
    ),
}


@pytest.mark.parametrize("note", DAMAGED.values(), ids=DAMAGED)
@pytest.mark.parametrize("keyed", [False, True], ids=["without a key", "with a key"])
async def test_a_message_whose_note_is_damaged_is_handled_and_a_drain_ends(
    bus: Bus, note: bytes, keyed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    handled: list[float] = []
    worker = Worker("billing")

    @worker.on(ServiceCall, key=(lambda _: 1) if keyed else None)
    async def bill(event: ServiceCall) -> None:
        handled.append(event.call_id)

    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        await bus.publish_many(event_calls(3))
        taken = await collect(messages, 3, ack=False)
        notes = await bus.transport.notes("billing")
        await notes.put(taken[0].delivery.position_id, note)
        for message in taken:
            await message.nak()
    worker.drain()
    async with asyncio.timeout(10):
        await worker.run(bus)
    assert sorted(handled) == [0.0, 1.0, 2.0]
    assert "is damaged" in caplog.text


async def test_a_damaged_note_gives_a_message_no_endless_attempts(bus: Bus) -> None:
    worker = Worker("billing")
    tried = 0

    @worker.on(ServiceCall, attempts=3, backoff_s=0.01)
    async def bill(event: ServiceCall) -> None:
        nonlocal tried
        tried += 1
        raise ValueError("no such account")

    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        await bus.publish(call(1))
        [message] = await collect(messages, 1, ack=False)
        notes = await bus.transport.notes("billing")
        await notes.put(message.delivery.position_id, DAMAGED["less than none"])
        await message.nak()
    worker.drain()
    async with asyncio.timeout(10):
        await worker.run(bus)
    assert tried == 3
    assert len(await letters(bus)) == 1


class Refusing(KeyValue):
    """Notes that cannot be read, or not be written, for as long as the test lasts."""

    def __init__(self, notes: KeyValue, refused: str) -> None:
        self._notes = notes
        self._refused = refused

    async def get(self, key: str) -> bytes | None:
        self._refuse("get")
        return await self._notes.get(key)

    async def put(self, key: str, value: bytes) -> None:
        self._refuse("put")
        await self._notes.put(key, value)

    async def delete(self, key: str) -> None:
        self._refuse("delete")
        await self._notes.delete(key)

    def _refuse(self, what: str) -> None:
        if what in self._refused:
            raise ConnectionLostError(f"{what} a note: no answer")


@pytest.mark.parametrize("refused", ["get", "put", "get put delete"])
async def test_without_notes_a_message_has_its_attempts_and_then_its_letter(
    bus: Bus, refused: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dms_events.worker.attempts._PATIENCE_S", 0.2)
    monkeypatch.setattr("dms_events.worker.settlement.AGAIN_S", 0.05)
    refusing = Refusing(await bus.transport.notes("billing"), refused)

    async def notes(durable: str) -> KeyValue:
        return refusing

    monkeypatch.setattr(bus.transport, "notes", notes)
    worker = Worker("billing")
    tried: Counter[float] = Counter()

    @worker.on(ServiceCall, attempts=3, backoff_s=0.01)
    async def bill(event: ServiceCall) -> None:
        tried[event.call_id] += 1
        if event.call_id == 1:
            raise ValueError("no such account")

    await bus.publish_many(event_calls(3))
    worker.drain()
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(10):
            await worker.run(bus)
    assert tried.keys() == {0, 1, 2}
    assert 3 <= tried[1] <= 5, "what was noted before nothing could be read any more does not count"
    [letter] = await letters(bus)
    assert "no such account" in letter.reason
    assert "the attempts of messages cannot be noted" in caplog.text or refused == "get"
    assert "Messages are handled all the same" in caplog.text or refused == "put"


@pytest.mark.only("nats")
async def test_a_bucket_that_is_deleted_under_a_worker_is_made_again(
    place: Place, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker("billing")
    tried = 0

    @worker.on(ServiceCall, attempts=3, backoff_s=0.05)
    async def bill(event: ServiceCall) -> None:
        nonlocal tried
        tried += 1
        raise ValueError("no such account")

    async def one_letter() -> bool:
        return len(await letters(bus)) == 1

    bucket = f"{place.root}_NOTES".upper()
    async with running(worker, bus), place.foreign() as client:

        async def deleted() -> bool:
            with suppress(nats.js.errors.NotFoundError):  # the worker has not made it yet
                return bool(await client.jetstream().delete_key_value(bucket))
            return False

        await until(deleted)
        await bus.publish(call(1))
        await until(one_letter)
        await client.jetstream().key_value(bucket)
    assert tried == 3
    assert f"the bucket {bucket} was gone, and is made again" in caplog.text
