"""A handler says what becomes of its messages: done, again, or dead; again spends no attempt."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from dms_events import Again, Bus, ConfigError, Dead, Done, HandlerError, Message, Worker
from dms_events.types.elk_stats import ServiceCall
from dms_events.worker.outcome import outcomes_of
from tests.contract.worker.working import drained
from tests.kit.storing import call

pytestmark = pytest.mark.promised("acknowledges")


async def test_again_comes_again_and_spends_no_attempt(bus: Bus) -> None:
    worker = Worker("billing")
    calls: list[int] = []

    @worker.on(ServiceCall, attempts=1)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> Again | None:
        calls.append(message.attempt)
        return Again(0.01) if len(calls) <= 5 else None

    await bus.publish(call(1))
    await drained(worker, bus)
    assert calls == [1, 2, 3, 4, 5, 6]
    stats = worker.stats
    assert (stats.handled, stats.again, stats.returned, stats.raised) == (1, 5, 5, 0)
    assert [letter async for letter in bus.dead_letters.find()] == []


async def test_attempts_that_were_spent_before_stay_spent(bus: Bus) -> None:
    worker = Worker("billing")
    calls = 0

    @worker.on(ServiceCall, attempts=2, backoff_s=0)
    async def bill(event: ServiceCall) -> Again:
        nonlocal calls
        calls += 1
        if calls in (1, 4):
            raise ValueError
        return Again()

    await bus.publish(call(1))
    await drained(worker, bus)
    assert (calls, worker.stats.raised, worker.stats.rejected) == (4, 2, 1)
    [letter] = [letter async for letter in bus.dead_letters.find()]
    assert letter.attempts == 2


async def test_dead_is_a_dead_letter_at_once(bus: Bus) -> None:
    worker = Worker("billing")

    @worker.on(ServiceCall, attempts=5)
    async def bill(event: ServiceCall) -> Dead:
        return Dead(ValueError("no such account"))

    await bus.publish(call(1))
    await drained(worker, bus)
    assert (worker.stats.rejected, worker.stats.raised) == (1, 0)
    [letter] = [letter async for letter in bus.dead_letters.find()]
    assert (letter.error, letter.reason, letter.attempts) == ("ValueError", "no such account", 1)


async def test_a_batch_has_one_outcome_for_each_message(bus: Bus) -> None:
    worker = Worker("billing")
    calls: Counter[float] = Counter()

    @worker.on(ServiceCall, batch=4, linger_s=0.05)
    async def bill(messages: list[Message[ServiceCall]]) -> list[Done | Again | Dead | None]:
        outcomes: list[Done | Again | Dead | None] = []
        for message in messages:
            number = message.event.call_id
            calls[number] += 1
            if number == 1 and calls[number] < 3:
                outcomes.append(Again(0.01))
            else:
                outcomes.append(Dead(ValueError()) if number == 2 else None)
        return outcomes

    await bus.publish_many([call(number) for number in range(4)])
    await drained(worker, bus)
    assert calls == {0: 1, 1: 3, 2: 1, 3: 1}
    assert (worker.stats.handled, worker.stats.again, worker.stats.rejected) == (3, 2, 1)
    assert worker.stats.by_type == {
        "elk_stats.ServiceCall": {"handled": 3, "again": 2, "rejected": 1}
    }


async def test_again_of_a_key_holds_up_those_of_its_key_only(bus: Bus) -> None:
    worker = Worker("billing", concurrency=1)
    seen: list[float] = []

    @worker.on(ServiceCall, key=lambda event: event.call_id < 3)
    async def bill(event: ServiceCall) -> Again | None:
        seen.append(event.call_id)
        return Again(0.2) if seen.count(event.call_id) == 1 and event.call_id == 0 else None

    await bus.publish_many([call(number) for number in range(5)])
    await drained(worker, bus)
    assert [number for number in seen if number < 3] == [0, 0, 1, 2]
    assert seen.index(3) < len(seen) - 1 - seen[::-1].index(0), "no slot waits for it"
    assert (worker.stats.handled, worker.stats.returned) == (5, 0)


async def test_outcomes_that_are_too_few_are_a_raise(bus: Bus) -> None:
    worker = Worker("billing")

    @worker.on(ServiceCall, batch=2, attempts=1)
    async def bill(messages: list[Message[ServiceCall]]) -> list[Done]:
        return [Done()] * 3

    await bus.publish_many([call(1), call(2)])
    await drained(worker, bus)
    assert (worker.stats.handled, worker.stats.rejected) == (0, 2)
    letters = [letter async for letter in bus.dead_letters.find()]
    assert {letter.error for letter in letters} == {"HandlerError"}


async def test_a_value_that_is_no_outcome_says_nothing(bus: Bus) -> None:
    worker = Worker("billing")

    async def count(event: ServiceCall) -> object:
        return [None, 5]

    register: Any = worker.on(ServiceCall)
    register(count)

    await bus.publish(call(1))
    await drained(worker, bus)
    assert worker.stats.handled == 1


def test_one_outcome_is_that_of_the_whole_batch() -> None:
    assert outcomes_of(Again(2), 3) == [Again(2)] * 3
    assert outcomes_of([None, Done()], 2) == [Done(), Done()]
    with pytest.raises(HandlerError, match="returned 1 outcomes, in 2 values, for 2 messages"):
        outcomes_of([Again(2), 5], 2)


@pytest.mark.parametrize("delay_s", [-1, float("inf"), float("nan")])
def test_a_delay_is_seconds_from_0_on(delay_s: float) -> None:
    with pytest.raises(ConfigError, match="delay_s"):
        Again(delay_s)
