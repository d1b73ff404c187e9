"""A worker, on every transport that acknowledges."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from dms_events import Bus, ConfigError, Message, OutgoingMessage, Reject, Worker
from dms_events.identity import now_rfc3339
from dms_events.types.elk_stats import NewService, NtxPayment, ServiceCall
from tests.contract.places import Place, call, event_calls, letters, payment, service, until
from tests.kit.storing import until_settled

from .working import drained, running

pytestmark = pytest.mark.promised("acknowledges")


async def test_every_event_is_handled_once(bus: Bus) -> None:
    worker = Worker("billing")
    seen: list[float] = []

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        seen.append(event.call_id)

    await bus.publish_many(event_calls(1000))
    await drained(worker, bus)
    assert sorted(seen) == [float(n) for n in range(1000)]
    assert worker.stats.handled == 1000
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        await until_settled(messages)


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
    assert (calls, worker.stats.handled, worker.stats.raised) == (3, 1, 2)
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
    assert (letter.reason, letter.attempts) == ("no price for this", 3)
    assert worker.stats.rejected == 1


@pytest.mark.parametrize("given_back", [0, 3])
async def test_a_dead_letter_says_when_its_handler_raised_first_and_last_and_how_often(
    bus: Bus, given_back: int
) -> None:
    worker = Worker("billing")
    called: list[str] = []

    @worker.on(ServiceCall, attempts=2, backoff_s=0.01)
    async def bill(event: ServiceCall) -> None:
        called.append(now_rfc3339())
        raise ValueError(f"no price, {len(called)}")

    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        await bus.publish(call(1))
        for _ in range(given_back):  # deliveries that are no attempts
            await (await anext(messages)).nak()
    before = now_rfc3339()
    await drained(worker, bus)
    (letter,) = await letters(bus)
    assert (letter.attempts, letter.error, letter.reason) == (2, "ValueError", "no price, 2")
    times = [before, letter.first_failed, called[1], letter.last_failed]
    assert sorted(set(times)) == times
    assert letter.last_failed == letter.buried


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


async def test_what_was_published_twice_is_handled_once(place: Place, bus: Bus) -> None:
    worker = Worker("billing")
    seen: list[str] = []

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        seen.append(message.id)

    prepared = bus.prepare(call(1))
    await bus.publish(prepared)
    # The same identity under another message id, as it is after the broker has forgotten the first.
    again = OutgoingMessage("events", prepared.type_name, prepared.source, "another", prepared.data)
    await bus.publish(again)
    await drained(worker, bus)
    assert seen == [prepared.id]
    assert (worker.stats.handled, worker.stats.duplicates) == (1, 1)


async def test_of_what_was_published_very_often_few_are_held_while_one_is_handled(
    place: Place, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dms_events.worker.dispatch._MOST_REDELIVERIES", 10)
    monkeypatch.setattr("dms_events.worker.dispatch.AGAIN_S", 0.05)
    worker = Worker("billing")
    calls = 0
    at_work, go_on = asyncio.Event(), asyncio.Event()

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        nonlocal calls
        calls += 1
        at_work.set()
        await go_on.wait()

    data = bus.prepare(call(1)).data
    for _ in range(30):
        await place.put(data, "elk_stats.ServiceCall")
    async with running(worker, bus):
        await at_work.wait()
        async with asyncio.timeout(10), bus.subscribe(ServiceCall, durable="billing") as other:
            await (await anext(other)).ack()  # given back, for there were more than are held
        go_on.set()
        await until(lambda: settled(bus))
    assert (calls, worker.stats.handled) == (1, 1)


async def settled(bus: Bus) -> bool:
    async with bus.subscribe(ServiceCall, durable="billing") as messages:
        return await messages.backlog() == 0


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
    assert (calls, worker.stats.handled, worker.stats.returned) == (2, 1, 1)


async def test_a_worker_without_handlers_is_refused(bus: Bus) -> None:
    with pytest.raises(ConfigError, match="no handler"):
        await Worker("billing").run(bus)


async def test_options_for_a_bus_that_is_open_already_are_refused(bus: Bus) -> None:
    worker = Worker("billing")
    worker.on(NewService)(fine)
    with pytest.raises(ConfigError, match="root: the bus is open already"):
        await worker.run(bus, root="other")


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
