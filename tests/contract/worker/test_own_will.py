"""Handlers that settle their message themselves, and handlers that do not let themselves be cancelled."""

from __future__ import annotations

import asyncio

import pytest

from dms_events import Bus, Message, PublishError, Worker
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import call, event_calls, letters

from .working import drained

pytestmark = pytest.mark.promised("acknowledges")


async def test_a_handler_may_give_its_message_back_more_often_than_it_may_raise(bus: Bus) -> None:
    worker = Worker("billing")
    calls: list[int] = []

    @worker.on(ServiceCall, attempts=2)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        calls.append(message.attempt)
        if len(calls) < 7:
            await message.nak(0.05)

    await bus.publish(call(1))
    await drained(worker, bus)
    assert len(calls) == 7
    assert (worker.stats.handled, worker.stats.returned, worker.stats.raised) == (1, 6, 0)
    assert await letters(bus) == []


async def test_what_a_handler_gave_back_is_handled_beside_others(bus: Bus) -> None:
    worker = Worker("billing", concurrency=2)
    at_once: list[int] = []
    busy = 0

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        nonlocal busy
        if message.attempt == 1:
            await message.nak(0.2)
            return
        busy += 1
        at_once.append(busy)
        await asyncio.sleep(0.05)
        busy -= 1

    await bus.publish_many(event_calls(6))
    await drained(worker, bus)
    assert worker.stats.handled == 6
    assert max(at_once) == 2


async def test_a_handler_that_gives_its_message_back_and_raises_is_not_called_twice_for_it(
    bus: Bus,
) -> None:
    worker = Worker("billing")
    calls: list[int] = []

    @worker.on(ServiceCall, key=lambda event: event.status, backoff_s=0.01)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        calls.append(message.attempt)
        if message.attempt == 1:
            await message.nak(0.3)
            raise ValueError("and now this")

    await bus.publish(call(1))
    await drained(worker, bus)
    assert calls == [1, 2]
    assert (worker.stats.handled, worker.stats.raised) == (1, 0)


async def test_what_a_batch_handler_gave_back_before_it_raised_comes_from_the_broker_only(
    bus: Bus,
) -> None:
    worker = Worker("billing")
    calls: list[tuple[float, int]] = []
    raised = False

    @worker.on(ServiceCall, batch=4, backoff_s=0.01)
    async def bill(messages: list[Message[ServiceCall]]) -> None:
        nonlocal raised
        calls.extend((message.event.call_id, message.attempt) for message in messages)
        if not raised:
            raised = True
            await messages[0].nak(0.3)
            raise ValueError("the third is to blame")

    await bus.publish_many(event_calls(4))
    await drained(worker, bus)
    assert worker.stats.handled == 4
    assert sorted(calls) == [(0, 1), (0, 2), *[(n, 1) for n in (1, 1, 2, 2, 3, 3)]]


async def test_a_handler_that_outlives_its_cancellation_took_too_long_all_the_same(
    bus: Bus,
) -> None:
    worker = Worker("billing")
    calls = 0

    @worker.on(ServiceCall, attempts=2, timeout_s=0.05, backoff_s=0.01)
    async def bill(event: ServiceCall) -> None:
        nonlocal calls
        calls += 1
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return

    await bus.publish(call(1))
    await drained(worker, bus)
    (letter,) = await letters(bus)
    assert (calls, worker.stats.handled, worker.stats.raised) == (2, 0, 2)
    assert "took longer than 0.05 s" in letter.reason


async def test_a_letter_that_was_refused_at_first_says_that_its_handler_raised(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker("billing")
    calls = 0
    add = bus.dead_letters.add
    refused = False

    async def refused_once(*args: object, **options: object) -> None:
        nonlocal refused
        if not refused:
            refused = True
            raise PublishError("the dead stream is full", [])
        await add(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(bus.dead_letters, "add", refused_once)
    for module in ("worker.settlement", "dead_letters.writer"):
        monkeypatch.setattr(f"dms_events.{module}.AGAIN_S", 0.05)

    @worker.on(ServiceCall, attempts=1)
    async def bill(event: ServiceCall) -> None:
        nonlocal calls
        calls += 1
        raise ValueError("no price for this")

    await bus.publish(call(1))
    await drained(worker, bus)
    (letter,) = await letters(bus)
    assert (calls, letter.attempts) == (1, 1)
    assert "raised as often as it may" in letter.reason
