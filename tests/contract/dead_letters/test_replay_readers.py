"""A replay is handled by the reader that gave it up; by every reader only where that is said."""

from __future__ import annotations

import random

import msgspec
import pytest

import dms_events
from dms_events import Bus, Forwarder, ReplayError, Worker
from dms_events.transport import OutgoingMessage
from dms_events.types.elk_stats import NtxPayment, ServiceCall
from tests.contract.places import (
    Place,
    buried,
    call,
    collect,
    letters,
    nothing_comes,
    payment,
    service,
    until,
)
from tests.unit.worker.scripted_sink import ScriptedSink

pytestmark = pytest.mark.promised("acknowledges")


async def test_a_replay_is_for_the_reader_that_gave_it_up(bus: Bus) -> None:
    id = await bus.publish(call())
    letter = await buried(bus, reader="billing")
    async with (
        bus.subscribe(ServiceCall, durable="audit") as audit,
        bus.subscribe("*", durable="billing") as billing,
        bus.subscribe("*", start="all") as onlooker,
    ):
        await collect(audit, 1)
        await bus.dead_letters.replay(letter)
        assert [m.id for m in await collect(billing, 1)] == [id]
        assert [m.id for m in await collect(onlooker, 2)] == [id, id], "it only looks on"
        assert await nothing_comes(audit)
        assert audit.for_others == 1
        await until(lambda: settled(audit, billing))
    assert await letters(bus) == []


async def settled(*subscriptions: dms_events.Subscription[ServiceCall]) -> bool:
    return not any([await one.backlog() for one in subscriptions])


async def test_each_of_two_readers_gets_its_own_replay_of_one_message(bus: Bus) -> None:
    await bus.publish(call())
    for letter in [await buried(bus, reader="a"), await buried(bus, reader="b")]:
        await bus.dead_letters.replay(letter)
    for reader in ("a", "b"):
        async with bus.subscribe("*", durable=reader) as messages:
            await collect(messages, 1)
            assert await nothing_comes(messages, 0.1)
            assert messages.for_others == 1


@pytest.mark.parametrize("reader", ["d" * 200, "größte-abrechnung-der-welt", "a:b"])
async def test_a_reader_of_any_name_is_named(bus: Bus, reader: str) -> None:
    await bus.publish(call())
    letter = await buried(bus, reader=reader)
    await buried(bus, reader=reader[:-1] + "x")
    await bus.dead_letters.replay(letter)
    async with bus.subscribe("*", durable=reader) as messages:
        await collect(messages, 1)
    async with bus.subscribe("*", durable=reader[:-1] + "x") as messages:
        assert await nothing_comes(messages, 0.1)
        assert messages.for_others == 1


async def test_a_worker_and_a_forwarder_count_what_is_for_another_and_do_nothing(bus: Bus) -> None:
    await bus.publish(call())
    letter = await buried(bus, reader="billing")
    worker, handled = Worker("audit"), []

    @worker.on(ServiceCall)
    async def note(event: ServiceCall) -> None:
        handled.append(event)

    worker.drain()
    assert (await worker.run(bus)).handled == 1
    await bus.dead_letters.replay(letter)
    worker.drain()
    await worker.run(bus)
    assert (len(handled), worker.stats.for_others) == (1, 1)

    sink = ScriptedSink()
    forwarder = Forwarder(bus, sink, durable="sink", linger_s=0.01)
    forwarder.drain()
    tally = await forwarder.run()
    assert (tally.received, tally.stored, tally.for_others) == (2, 1, 1)


async def test_noise_that_is_replayed_is_given_up_by_its_reader_alone(
    place: Place, bus: Bus
) -> None:
    noise = random.Random(5).randbytes(50)
    await place.put(noise, "elk_stats.ServiceCall")
    async with (
        bus.subscribe("*", durable="a") as a,
        bus.subscribe("*", durable="b") as b,
    ):
        assert await nothing_comes(a)
        assert await nothing_comes(b)
        [letter, _] = sorted(await letters(bus), key=lambda letter: letter.reader)
        await bus.dead_letters.replay(letter)
        assert await nothing_comes(a)
        assert await nothing_comes(b)
        assert (a.undecodable, b.undecodable, b.for_others) == (2, 1, 1)
    assert sorted(letter.reader for letter in await letters(bus)) == ["a", "b"]


async def test_a_reader_that_is_gone_is_an_error_that_names_the_way_to_all(bus: Bus) -> None:
    await bus.publish(call())
    letter = await buried(bus, ServiceCall, reader="billing")
    for gone in ("gone", ""):
        orphan = msgspec.structs.replace(letter, reader=gone)
        for dry_run in (True, False):
            with pytest.raises(ReplayError, match=r"is not there to get .*--to-all"):
                await bus.dead_letters.replay(orphan, dry_run=dry_run)
    assert await letters(bus) == [letter]
    await bus.dead_letters.replay(orphan, to_all=True)
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        assert len(await collect(messages, 1)) == 1


async def test_a_reader_that_reads_the_type_no_more_is_an_error(bus: Bus) -> None:
    await bus.publish(payment())
    letter = await buried(bus, NtxPayment, reader="billing")
    await bus.publish(call())
    other = await buried(bus, ServiceCall, reader="calls")
    mixed = msgspec.structs.replace(letter, reader=other.reader)
    with pytest.raises(ReplayError, match="'calls' is not there to get"):
        await bus.dead_letters.replay(mixed)


async def test_a_replay_to_all_says_whom_it_reaches(bus: Bus) -> None:
    await bus.publish(call())
    letter = await buried(bus, reader="billing")
    async with (
        bus.subscribe(ServiceCall, durable="audit"),
        bus.subscribe(NtxPayment, durable="payments"),
        bus.subscribe("elk_stats.*", durable="sink"),
        bus.subscribe(ServiceCall, durable="parts", partitioned=True),
        bus.subscribe("*"),
    ):
        assert await bus.dead_letters.replay_readers(letter) == [
            "audit",
            "billing",
            "parts",
            "sink",
        ]


async def test_a_partitioned_reader_is_found_and_gets_its_replay(bus: Bus) -> None:
    await bus.publish(call())
    async with bus.subscribe(ServiceCall, durable="parts", partitioned=True) as messages:
        [message] = await collect(messages, 1, ack=False)
        await bus.dead_letters.add(
            message.delivery, id=message.id, error=ValueError(), reader="parts"
        )
        [letter] = await letters(bus)
        await bus.dead_letters.replay(letter)
        assert [m.id for m in await collect(messages, 1)] == [message.id]


async def test_a_replay_of_an_older_release_is_for_all(bus: Bus) -> None:
    sealed = bus.prepare(service())
    old = "replay:0d3a7a52-6c5c-5d39-9a2b-3a8d9f6f2f11"
    await bus.publish(OutgoingMessage("events", sealed.type_name, "", old, sealed.data))
    async with bus.subscribe("*", durable="any") as messages:
        assert [m.id for m in await collect(messages, 1)] == [sealed.id]
