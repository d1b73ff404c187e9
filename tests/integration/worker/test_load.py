"""Workers under load: what is stuck holds up nobody, memory is bounded, stopping loses nothing."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]
import pytest

import dms_events
from dms_events import Message, Worker
from dms_events.transport import KeyValue
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.kit.programs.processes import running, until
from tests.kit.programs.worker_program import DURABLE, Journal, program, tally_of
from tests.kit.soak import sized
from tests.kit.storing import call, prepared


def odd(number: int, status: str) -> ServiceCall:
    return msgspec.structs.replace(call(number), status=status)


@pytest.mark.slow
async def test_bad_events_become_dead_letters_with_their_reasons_and_hold_up_no_good_one(
    nats_server: NatsServer,
) -> None:
    good = sized(10_000, 100_000)
    done, tried = Counter[int](), Counter[int]()
    worker = Worker(DURABLE)

    @worker.on(ServiceCall, attempts=3, backoff_s=0.05, timeout_s=0.5)
    async def handle(event: ServiceCall, message: Message[ServiceCall]) -> None:
        number = int(event.call_id)
        if number >= 0:
            done[number] += 1
            return
        tried[number] += 1
        match event.status:
            case "raises":
                raise ValueError("no such account")
            case "raises twice" if tried[number] < 3:
                raise ValueError("not yet")
            case "raises twice":
                done[number] += 1
            case "hangs":
                await asyncio.Event().wait()
            case "is cancelled":
                raise asyncio.CancelledError

    bad = ["raises", "raises twice", "hangs", "is cancelled"]
    async with dms_events.connect(nats_server.url) as bus, asyncio.TaskGroup() as tasks:
        ids = {status: await bus.publish(odd(-n, status)) for n, status in enumerate(bad, 1)}
        await bus.publish_many(call(n) for n in range(good))
        working = tasks.create_task(worker.run(bus))
        await until(lambda: sum(n >= 0 for n in done) == good, "the good ones are handled", 60)
        worker.drain()
        async with asyncio.timeout(60):
            tally = await working
        letters = {letter.id: letter async for letter in bus.dead_letters.find()}

    assert set(done.values()) == {1}
    assert done.keys() == {*range(good), -2}
    assert set(tried.values()) == {3}
    assert letters.keys() == {ids["raises"], ids["hangs"], ids["is cancelled"]}
    said = {
        "raises": ("ValueError", "no such account"),
        "hangs": ("HandlerError", "its handler took longer than 0.5 s"),
        "is cancelled": ("HandlerError", "its handler was cancelled, and not by its worker"),
    }
    for status, (error, reason) in said.items():
        letter = letters[ids[status]]
        assert (letter.error, letter.reason) == (error, reason)
        assert letter.attempts == 3
    assert tally.handled == good + 1
    assert tally.raised == 3 + 2 + 3 + 3
    assert tally.rejected == 3


@pytest.mark.slow
@pytest.mark.parametrize("status", ["raises", "hangs", "is no event"])
async def test_ten_thousand_good_ones_are_handled_while_a_poison_message_is_not_settled_yet(
    nats_server: NatsServer, status: str
) -> None:
    good = sized(10_000, 100_000)
    done: Counter[int] = Counter()
    stuck = asyncio.Event()
    worker = Worker(DURABLE, drain_s=0)

    @worker.on(ServiceCall, backoff_s=3600, backoff_max_s=3600, timeout_s=None)
    async def handle(event: ServiceCall) -> None:
        if event.status == "raises":
            stuck.set()
            raise ValueError("not within the hour")
        if event.status == "hangs":
            stuck.set()
            await asyncio.Event().wait()
        done[int(event.call_id)] += 1

    async with dms_events.connect(nats_server.url) as bus, asyncio.TaskGroup() as tasks:
        poison = bus.prepare(call(-1))
        if status == "is no event":
            await bus.publish(
                dms_events.OutgoingMessage("events", poison.type_name, "", "noise", b"{")
            )
        else:
            await bus.publish(odd(-1, status))
        await bus.publish_many(call(n) for n in range(good))
        working = tasks.create_task(worker.run(bus))
        await until(lambda: len(done) == good, "the good ones are handled", 60)
        assert stuck.is_set() == (status != "is no event")
        worker.stop()
        async with asyncio.timeout(60):
            tally = await working
        letters = [letter.id async for letter in bus.dead_letters.find()]
    assert set(done.values()) == {1}
    assert letters == (["noise"] if status == "is no event" else [])
    assert tally.rejected == 0


@pytest.mark.slow
async def test_a_slow_handler_with_a_fast_publisher_takes_bounded_memory_and_drops_nothing(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    total, bytes_each, room = sized(50_000, 500_000), 2000, 40 << 20
    assert total * bytes_each > 2 * room, "all of it would not fit"
    journal = Journal(tmp_path / "journal")
    async with running(*program(nats_server.url, journal, pause_s=0.02)) as worker:
        process = psutil.Process(worker.pid)
        async with dms_events.connect(nats_server.url) as bus:
            await bus.publish(call(0))
            await until(journal.path.exists, "the worker works", by=worker)
            at_first = most = process.memory_info().rss
            for first in range(1, total, 1000):
                numbers = range(first, min(first + 1000, total))
                await bus.publish_many(odd(n, "x" * bytes_each) for n in numbers)
                most = max(most, process.memory_info().rss)
            seen = len(journal.ended)
            await until(lambda: len(journal.ended) > seen + 1000, "it goes on", by=worker)
            most = max(most, process.memory_info().rss)
            worker.send(signal.SIGTERM)
            ended = await worker.finish()
            assert ended.code == 0, ended.err
            async with bus.subscribe(ServiceCall, durable=DURABLE) as rest:
                left = await rest.backlog()
    tally = tally_of(ended.out)
    assert tally.handled + left == total
    assert tally.handled == len(journal.ended)
    assert left > total / 2, "the publisher was faster"
    assert most - at_first < room, f"{(most - at_first) >> 20} MiB more"


@pytest.mark.slow
async def test_core_drops_what_a_slow_reader_has_no_room_for_and_says_how_much(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    total = sized(100_000, 1_000_000)
    async with (
        dms_events.connect(nats_server.url, durable=False) as bus,
        dms_events.connect(nats_server.url, durable=False) as publisher,
    ):
        async with bus.subscribe(ServiceCall) as messages:
            chunk = prepared(publisher, 1000)
            for _ in range(total // 1000):
                await publisher.publish_many(chunk)
            await until(lambda: messages.dropped > 0, "there is no more room")
            taken = 0
            while batch := await messages.batch(10_000, 1):
                taken += len(batch)
            dropped = messages.dropped
        assert taken + dropped == total
    said = [r.getMessage() for r in caplog.records if "dropped" in r.getMessage()]
    assert said, "it is never silent"
    assert f"{dropped} messages" in said[-1]
    assert len(said) < 60, "and no line for each"


@pytest.mark.soak
@pytest.mark.parametrize("drain_s", [3600.0, 0.0])
async def test_stopping_while_handlers_raise_gives_back_nothing_that_has_its_verdict(
    nats_server: NatsServer, drain_s: float
) -> None:
    total = sized(500, 5000)
    tried: Counter[int] = Counter()
    handled = rejected = 0

    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish_many(call(n) for n in range(total))
        while len(tried) < total:
            worker = Worker(DURABLE, drain_s=drain_s)
            mark = min(total, len(tried) + 50)

            @worker.on(ServiceCall, attempts=1)
            async def handle(event: ServiceCall) -> None:
                tried[int(event.call_id)] += 1
                if len(tried) >= mark:  # noqa: B023
                    worker.stop()  # noqa: B023
                raise ValueError("never")

            async with asyncio.timeout(60):
                tally = await worker.run(bus)
            handled += tally.handled
            rejected += tally.rejected
        last = Worker(DURABLE)
        last.on(ServiceCall)(handle)
        last.drain()
        async with asyncio.timeout(60):
            rejected += (await last.run(bus)).rejected
        letters = [letter.id async for letter in bus.dead_letters.find()]
    assert len(letters) == total
    assert handled == 0
    assert set(tried.values()) == {1}, "no attempt more than it may have"
    assert rejected == total


@pytest.mark.soak
async def test_a_worker_with_keys_that_is_stopped_ends_when_its_handlers_have(
    nats_server: NatsServer,
) -> None:
    total = sized(300, 3000)
    done: list[int] = []
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish_many(call(n) for n in range(total))
        for mark in (total // 3, 2 * total // 3, total):
            worker = Worker(DURABLE, drain_s=3600)

            @worker.on(ServiceCall, attempts=1, key=lambda call: call.peer_id_of_service_host)
            async def handle(event: ServiceCall) -> None:
                await asyncio.sleep(0.001)
                done.append(int(event.call_id))
                if len(done) >= mark:  # noqa: B023
                    worker.stop()  # noqa: B023

            async with asyncio.timeout(60):
                await worker.run(bus)
    assert sorted(done) == list(range(total)), "each once"


class NotesThatHang(KeyValue):
    """What is written is there, and the writer never hears of it."""

    def __init__(self, notes: KeyValue) -> None:
        self._notes = notes
        self.written = asyncio.Event()

    async def get(self, key: str) -> bytes | None:
        return await self._notes.get(key)

    async def put(self, key: str, value: bytes) -> None:
        await self._notes.put(key, value)
        if not self.written.is_set():
            self.written.set()
            await asyncio.Event().wait()

    async def delete(self, key: str) -> None:
        await self._notes.delete(key)


async def test_a_worker_that_is_stopped_while_it_notes_an_attempt_does_not_spend_it(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = []

    async def handle(event: ServiceCall) -> None:
        done.append(event.call_id)

    def worker() -> Worker:
        made = Worker(DURABLE, drain_s=0)
        made.on(ServiceCall, attempts=1)(handle)
        return made

    async with dms_events.connect(nats_server.url) as bus, asyncio.TaskGroup() as tasks:
        await bus.publish(call(1))
        async with bus.subscribe(ServiceCall, durable=DURABLE) as messages:
            await (await anext(messages)).nak()  # so that it is handled alone
        hanging = NotesThatHang(await bus.transport.notes(DURABLE))

        async def notes(durable: str) -> KeyValue:
            return hanging

        monkeypatch.setattr(bus.transport, "notes", notes)
        first = worker()
        working = tasks.create_task(first.run(bus))
        async with asyncio.timeout(30):
            await hanging.written.wait()
            first.stop()
            await working
        assert not done
        second = worker()
        second.drain()
        async with asyncio.timeout(30):
            tally = await second.run(bus)
    assert done == [1.0]
    assert tally.rejected == 0
