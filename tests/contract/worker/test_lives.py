"""A worker that starts, stops, shares or dies."""

from __future__ import annotations

import asyncio

import pytest

from dms_events import Bus, Message, Worker
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, event_calls, letters, nothing_comes, until

from .working import drained, running

pytestmark = pytest.mark.promised("acknowledges")


async def test_stopping_lets_handlers_finish_and_gives_back_the_rest(bus: Bus) -> None:
    worker = Worker("billing", concurrency=3)
    began: list[float] = []
    ended: list[float] = []
    go_on = asyncio.Event()

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        began.append(event.call_id)
        await go_on.wait()
        ended.append(event.call_id)

    await bus.publish_many(event_calls(100))
    async with running(worker, bus):

        async def three() -> bool:
            return len(began) == 3

        await until(three)
        worker.stop()
        go_on.set()
    assert sorted(began) == sorted(ended)
    handled = len(ended)

    await drained(worker, bus)
    assert sorted(ended) == [float(n) for n in range(100)]
    assert worker.stats.handled == 100 - handled, "each run has figures of its own"
    assert handled < 100
    assert await letters(bus) == []


async def test_what_a_stopped_worker_gave_back_is_handled_beside_others(bus: Bus) -> None:
    first = Worker("billing", concurrency=1, drain_s=0)
    waits = asyncio.Event()

    @first.on(ServiceCall)
    async def wait(event: ServiceCall) -> None:
        waits.set()
        await asyncio.sleep(60)

    await bus.publish_many(event_calls(100))
    async with running(first, bus):
        await waits.wait()

    second = Worker("billing", concurrency=10)
    now = most = again = 0

    @second.on(ServiceCall)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        nonlocal now, most, again
        now += 1
        if message.attempt > 1:
            again += 1
            most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1

    await drained(second, bus)
    assert second.stats.handled == 100
    assert again > 50
    assert most == 10


async def test_a_handler_that_does_not_finish_is_interrupted_and_spends_nothing(bus: Bus) -> None:
    worker = Worker("billing", drain_s=0.1)
    calls = 0

    @worker.on(ServiceCall, attempts=1)
    async def bill(event: ServiceCall) -> None:
        nonlocal calls
        calls += 1
        if calls <= 3:
            await asyncio.sleep(60)

    await bus.publish(call(1))
    for expected in (1, 2, 3):
        async with running(worker, bus):

            async def called(expected: int = expected) -> bool:
                return calls == expected

            await until(called)
    await drained(worker, bus)
    assert (calls, worker.stats.handled) == (4, 1)
    assert await letters(bus) == []


async def test_hooks_run_before_the_first_and_after_the_last_message(bus: Bus) -> None:
    worker = Worker("billing")
    story: list[str] = []

    @worker.on_startup
    async def open_ledger() -> None:
        story.append("open")
        await worker.bus.publish(call(2))

    @worker.on_shutdown
    async def close_ledger() -> None:
        story.append("close")

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        story.append("bill")

    await bus.publish(call(1))
    await drained(worker, bus)
    assert story == ["open", "bill", "bill", "close"]


async def test_what_takes_longer_than_the_ack_wait_is_delivered_to_nobody_else(bus: Bus) -> None:
    worker = Worker("billing", concurrency=1, ack_wait_s=1)
    seen: list[float] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        seen.append(event.call_id)
        begun.set()
        await go_on.wait()

    # It settles nothing, so it shows when the ack wait of what the worker has in hand is over.
    async with bus.subscribe(ServiceCall, durable="clock", ack_wait_s=1) as clock:
        await bus.publish_many([call(1), call(2)])  # the second waits for the first
        async with running(worker, bus):
            await begun.wait()
            async with bus.subscribe(ServiceCall, durable="billing", ack_wait_s=1) as heir:
                async with asyncio.timeout(30):
                    while (await anext(clock)).attempt < 4:
                        pass
                assert await nothing_comes(heir)
            go_on.set()

            async def both_handled() -> bool:
                return worker.stats.handled == 2

            await until(both_handled)
    assert seen == [1.0, 2.0]
    assert worker.stats.redelivered == 0


async def test_workers_of_a_durable_share_its_messages(place: Place, bus: Bus) -> None:
    seen: dict[str, list[float]] = {"a": [], "b": []}
    workers = []
    for mine in seen.values():
        worker = Worker("billing", prefetch=5, concurrency=1)

        async def bill(event: ServiceCall, mine: list[float] = mine) -> None:
            mine.append(event.call_id)
            await asyncio.sleep(0.001)

        worker.on(ServiceCall)(bill)
        workers.append(worker)
    async with running(workers[0], bus), running(workers[1], bus):
        await bus.publish_many(event_calls(300))

        async def all_seen() -> bool:
            return sum(map(len, seen.values())) >= 300

        await until(all_seen)
    assert sorted(seen["a"] + seen["b"]) == [float(n) for n in range(300)]
    assert seen["a"]
    assert seen["b"]


async def test_what_was_delivered_before_is_handled_alone(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        await bus.publish(call(1))
        await (await anext(messages)).nak()
    await bus.publish_many(event_calls(50, first=2))
    worker = Worker("billing", concurrency=10)
    now = most = beside_the_suspect = 0

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        nonlocal now, most, beside_the_suspect
        now += 1
        most = max(most, now)
        for _ in range(10):
            await asyncio.sleep(0.001)
            if event.call_id == 1:
                beside_the_suspect = max(beside_the_suspect, now - 1)
        now -= 1

    await drained(worker, bus)
    assert worker.stats.handled == 51
    assert most > 1
    assert beside_the_suspect == 0


async def test_what_was_begun_alone_too_often_and_never_ended_is_a_dead_letter(bus: Bus) -> None:
    """As a message does that kills its process: the notes of its attempts are all that is left."""
    attempts = 2

    class CrashError(BaseException):
        pass

    async def crash(event: ServiceCall) -> None:
        raise CrashError

    async with bus.subscribe(ServiceCall, durable="billing", ack_wait_s=0.5) as messages:
        await bus.publish(call(1))
        await anext(messages)
    for _ in range(attempts):
        dying = Worker("billing", ack_wait_s=0.5, drain_s=0)
        dying.on(ServiceCall, attempts=attempts)(crash)
        with pytest.raises(CrashError):
            await asyncio.wait_for(dying.run(bus), 15)
    worker = Worker("billing", ack_wait_s=0.5)
    seen: list[float] = []

    @worker.on(ServiceCall, attempts=attempts)
    async def bill(event: ServiceCall) -> None:
        seen.append(event.call_id)

    await bus.publish(call(2))
    await drained(worker, bus)
    (letter,) = await letters(bus)
    assert seen == [2.0]
    assert (letter.attempts, letter.error) == (2, "HandlerError")
    assert "did not end" in letter.reason


async def test_suspects_are_handled_beside_each_other_and_beside_nothing_else(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        await bus.publish_many(event_calls(40))
        for message in [await anext(messages) for _ in range(40)]:
            await message.nak()
    await bus.publish_many(event_calls(40, first=100))
    worker = Worker("billing", concurrency=10)
    now: list[bool] = []
    most = 0

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        nonlocal most
        now.append(event.call_id < 100)
        most = max(most, sum(now))
        assert all(now) or not any(now)
        await asyncio.sleep(0.005)
        now.remove(event.call_id < 100)

    await drained(worker, bus)
    assert (worker.stats.handled, worker.stats.raised) == (80, 0)
    assert most > 1
