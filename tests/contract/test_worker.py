"""A worker, on every transport that acknowledges."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dms_events import Bus, ConfigError, Message, Prepared, Reject, Worker
from dms_events.types.elk_stats import NewService, NtxPayment, ServiceCall

from .places import Place, call, event_calls, letters, payment, service, until

pytestmark = pytest.mark.promised("acknowledges")


@asynccontextmanager
async def running(worker: Worker, bus: Bus) -> AsyncIterator[asyncio.Task[Any]]:
    """The worker at work; it is stopped at the end."""
    task = asyncio.create_task(worker.run(bus))
    try:
        yield task
    finally:
        worker.stop()
        async with asyncio.timeout(15):
            await task


async def drained(worker: Worker, bus: Bus) -> None:
    worker.drain()
    async with asyncio.timeout(20):
        await worker.run(bus)


async def test_every_event_is_handled_once(bus: Bus) -> None:
    worker = Worker("billing")
    seen: list[float] = []

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        seen.append(event.call_id)

    await bus.publish_many(event_calls(1000))
    await drained(worker, bus)
    assert sorted(seen) == [float(n) for n in range(1000)]
    assert worker.tally.handled == 1000
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        assert await messages.backlog() == 0


async def test_a_handler_may_take_the_message_too(bus: Bus) -> None:
    worker = Worker("billing")
    seen: list[tuple[str, str]] = []

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        seen.append((message.id, message.source))

    id = await bus.publish(call(1))
    await drained(worker, bus)
    assert seen == [(id, "node-1")]


async def test_the_most_exact_handler_gets_an_event(bus: Bus) -> None:
    worker = Worker("router")
    seen: list[tuple[str, str]] = []

    @worker.on("*")
    async def anything(event: object) -> None:
        seen.append(("*", type(event).__name__))

    @worker.on("elk_stats.*")
    async def stats(event: object) -> None:
        seen.append(("elk_stats.*", type(event).__name__))

    @worker.on(ServiceCall, NtxPayment)
    async def both(event: object) -> None:
        seen.append(("both", type(event).__name__))

    await bus.publish_many([call(), payment(), service()])
    await drained(worker, bus)
    assert sorted(seen) == [
        ("both", "NtxPayment"),
        ("both", "ServiceCall"),
        ("elk_stats.*", "NewService"),
    ]


async def test_a_handler_that_raises_twice_is_called_a_third_time(bus: Bus) -> None:
    worker = Worker("billing")
    calls = 0

    @worker.on(ServiceCall, backoff_s=0.01)
    async def bill(event: ServiceCall) -> None:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise OSError("the ledger is closed")

    await bus.publish(call(1))
    await drained(worker, bus)
    assert (calls, worker.tally.handled, worker.tally.raised) == (3, 1, 2)
    assert await letters(bus) == []


async def test_a_handler_that_always_raises_makes_a_dead_letter_after_its_attempts(
    bus: Bus,
) -> None:
    worker = Worker("billing")
    calls = 0

    @worker.on(ServiceCall, attempts=3, backoff_s=0.01)
    async def bill(event: ServiceCall) -> None:
        nonlocal calls
        calls += 1
        raise ValueError("no price for this")

    id = await bus.publish(call(1))
    await drained(worker, bus)
    (letter,) = await letters(bus)
    assert calls == 3
    assert (letter.id, letter.reader, letter.error) == (id, "billing", "ValueError")
    assert letter.reason == "no price for this"
    assert worker.tally.rejected == 1


async def test_what_a_handler_rejects_is_a_dead_letter_at_once(bus: Bus) -> None:
    worker = Worker("billing")
    calls = 0

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        nonlocal calls
        calls += 1
        raise Reject("no such service")

    await bus.publish(call(1))
    await drained(worker, bus)
    (letter,) = await letters(bus)
    assert (calls, letter.reason, letter.error) == (1, "no such service", "Reject")


async def test_a_handler_that_takes_too_long_is_cancelled_and_tried_again(bus: Bus) -> None:
    worker = Worker("billing")
    cancelled = 0

    @worker.on(ServiceCall, attempts=2, backoff_s=0.01, timeout_s=0.2)
    async def bill(event: ServiceCall) -> None:
        nonlocal cancelled
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled += 1
            raise

    await bus.publish(call(1))
    await drained(worker, bus)
    (letter,) = await letters(bus)
    assert (cancelled, letter.error) == (2, "HandlerError")
    assert "longer than 0.2 s" in letter.reason


async def test_a_handler_that_is_cancelled_from_elsewhere_has_raised(bus: Bus) -> None:
    worker = Worker("billing")
    seen: list[float] = []

    @worker.on(ServiceCall, attempts=2, backoff_s=0.01)
    async def bill(event: ServiceCall) -> None:
        if event.call_id == 1:
            task = asyncio.current_task()
            assert task
            task.cancel()
            await asyncio.sleep(60)
        seen.append(event.call_id)

    await bus.publish_many([call(1), call(2)])
    await drained(worker, bus)
    (letter,) = await letters(bus)
    assert "cancelled" in letter.reason
    assert seen == [2.0]


async def test_a_poison_message_does_not_hold_up_others(bus: Bus) -> None:
    worker = Worker("billing", concurrency=2)
    seen: set[float] = set()

    @worker.on(ServiceCall, backoff_s=1000, backoff_max_s=1000)
    async def bill(event: ServiceCall) -> None:
        if event.call_id == 0:
            raise ValueError("poison")
        seen.add(event.call_id)

    await bus.publish_many(event_calls(2000))
    async with running(worker, bus):

        async def all_others() -> bool:
            return len(seen) == 1999

        await until(all_others)


async def test_events_of_a_key_keep_their_order_while_one_is_retried(bus: Bus) -> None:
    worker = Worker("billing", concurrency=8)
    seen: list[tuple[str, float]] = []
    failed: set[float] = set()

    @worker.on(ServiceCall, key=lambda e: e.status, backoff_s=0.2, attempts=3)
    async def bill(event: ServiceCall) -> None:
        if event.status == "k3" and event.call_id % 50 == 3 and event.call_id not in failed:
            failed.add(event.call_id)
            raise ValueError("once more")
        await asyncio.sleep(0)
        seen.append((event.status, event.call_id))

    await bus.publish_many(call(float(n), f"k{n % 10}") for n in range(200))
    await drained(worker, bus)
    for k in range(10):
        assert [n for key, n in seen if key == f"k{k}"] == [float(n) for n in range(k, 200, 10)]
    assert failed
    # The others did not wait for k3.
    last_of_others = max(i for i, (key, _) in enumerate(seen) if key != "k3")
    assert last_of_others < len(seen) - 1


async def test_a_key_that_cannot_be_made_is_a_raise(bus: Bus) -> None:
    worker = Worker("billing")

    @worker.on(ServiceCall, key=lambda e: e.nothing, attempts=1)
    async def bill(event: ServiceCall) -> None:
        raise AssertionError("not reached")

    await bus.publish(call(1))
    await drained(worker, bus)
    (letter,) = await letters(bus)
    assert letter.error == "AttributeError"


async def test_a_batch_handler_gets_lists(bus: Bus) -> None:
    worker = Worker("billing")
    sizes: list[int] = []
    seen: set[float] = set()

    @worker.on(ServiceCall, linger_s=0.3)
    async def bill(messages: list[Message[ServiceCall]]) -> None:
        sizes.append(len(messages))
        seen.update(m.event.call_id for m in messages)

    await bus.publish_many(event_calls(250))
    await drained(worker, bus)
    assert len(seen) == sum(sizes) == 250
    assert max(sizes) == 100


async def test_a_batch_that_raises_is_handled_one_by_one(bus: Bus) -> None:
    worker = Worker("billing")
    seen: set[float] = set()

    @worker.on(ServiceCall, batch=50, attempts=2, backoff_s=0.01)
    async def bill(messages: list[Message[ServiceCall]]) -> None:
        if any(m.event.call_id == 7 for m in messages):
            raise ValueError("seven")
        seen.update(m.event.call_id for m in messages)

    await bus.publish_many(event_calls(50))
    await drained(worker, bus)
    (letter,) = await letters(bus)
    assert letter.reason == "seven"
    assert seen == {float(n) for n in range(50)} - {7.0}
    assert worker.tally.raised == 2


async def test_what_was_published_twice_is_handled_once(place: Place, bus: Bus) -> None:
    worker = Worker("billing")
    seen: list[str] = []

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        seen.append(message.id)

    prepared = bus.prepare(call(1))
    await bus.publish(prepared)
    # The same identity under another message id, as it is after the broker has forgotten the first.
    again = Prepared("events", prepared.type_name, prepared.source, "another", prepared.data)
    await bus.publish(again)
    await drained(worker, bus)
    assert seen == [prepared.id]
    assert (worker.tally.handled, worker.tally.duplicates) == (1, 1)


async def test_a_handler_may_give_its_message_back(bus: Bus) -> None:
    worker = Worker("billing")
    calls = 0

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await message.nak(0.05)

    await bus.publish(call(1))
    await drained(worker, bus)
    assert (calls, worker.tally.handled, worker.tally.returned) == (2, 1, 1)


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
    assert worker.tally.handled == 100
    assert handled < 100
    assert await letters(bus) == []


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
    assert (calls, worker.tally.handled) == (4, 1)
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
    assert worker.tally.handled == 51
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
    assert "2" in letter.reason


async def test_a_worker_without_handlers_is_refused(bus: Bus) -> None:
    with pytest.raises(ConfigError, match="no handler"):
        await Worker("billing").run(bus)


async def fine(event: NewService) -> None: ...


def not_async(event: NewService) -> None: ...


async def no_argument() -> None: ...


async def three_arguments(event: NewService, message: Any, more: Any) -> None: ...


@pytest.mark.parametrize("function", [not_async, no_argument, three_arguments])
async def test_what_cannot_be_a_handler_is_refused(bus: Bus, function: Any) -> None:
    with pytest.raises(ConfigError, match=function.__name__):
        Worker("billing").on(NewService)(function)


async def test_a_type_has_one_handler(bus: Bus) -> None:
    worker = Worker("billing")
    worker.on(NewService)(fine)
    with pytest.raises(ConfigError, match="has a handler already, fine"):
        worker.on("elk_stats.NewService")(fine)
