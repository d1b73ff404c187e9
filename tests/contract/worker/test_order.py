"""What a worker handles before what: keys, batches, and what fails in front of others."""

from __future__ import annotations

import asyncio

import pytest

from dms_events import Bus, Message, Worker
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import call, event_calls, letters, until

from .working import drained, running

pytestmark = pytest.mark.promised("acknowledges")


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

    @worker.on(ServiceCall, key=lambda e: e.nothing, attempts=1)  # type: ignore[attr-defined]
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

    @worker.on(ServiceCall, batch=100, linger_s=0.3)
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
    assert worker.stats.raised == 2
