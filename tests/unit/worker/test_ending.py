"""How a worker comes to its end while messages of one key, or of a batch, wait for each other."""

from __future__ import annotations

import asyncio
import signal

import pytest

import dms_events
from dms_events import Message, Worker
from dms_events.types.elk_stats import ServiceCall
from tests.kit.programs.processes import until
from tests.kit.storing import call

LONG_S = 600


async def drained(worker: Worker, go: asyncio.Event, running: asyncio.Task[object]) -> None:
    """Stop it, and let its handlers go on once it has given back what waited."""
    worker.stop()
    await until(lambda: worker.stats.returned > 0, "what waits is given back")
    go.set()
    async with asyncio.timeout(15):
        await running


async def test_a_drain_does_not_wait_for_what_waits_for_its_key() -> None:
    worker = Worker("billing", drain_s=LONG_S)
    begun, go = asyncio.Event(), asyncio.Event()
    seen: list[float] = []

    @worker.on(ServiceCall, key=lambda event: 1)
    async def bill(event: ServiceCall) -> None:
        seen.append(event.call_id)
        begun.set()
        await go.wait()

    async with dms_events.connect("memory://") as bus:
        await bus.publish_many([call(number) for number in range(5)])
        running = asyncio.create_task(worker.run(bus))
        await begun.wait()
        worker.stop()
        go.set()
        async with asyncio.timeout(15):
            await running
        assert seen == [0]
        assert (worker.stats.handled, worker.stats.returned) == (1, 4)


async def test_a_drain_does_not_begin_the_messages_of_a_batch_that_raised() -> None:
    worker = Worker("billing", concurrency=1, drain_s=LONG_S)
    begun, go = asyncio.Event(), asyncio.Event()
    sizes: list[int] = []

    @worker.on(ServiceCall, batch=5)
    async def bill(messages: list[Message[ServiceCall]]) -> None:
        sizes.append(len(messages))
        begun.set()
        await go.wait()
        raise ValueError

    async with dms_events.connect("memory://") as bus:
        await bus.publish_many([call(number) for number in range(6)])
        running = asyncio.create_task(worker.run(bus))
        await begun.wait()
        await drained(worker, go, running)
        assert sizes == [5]
        assert (worker.stats.raised, worker.stats.returned) == (0, 6)


async def test_events_of_a_key_are_never_handled_together_also_when_delivered_before() -> None:
    worker = Worker("billing")
    at_work: set[float] = set()
    together: list[set[float]] = []
    failed = False

    @worker.on(ServiceCall, key=lambda event: 1, backoff_s=0)
    async def bill(event: ServiceCall) -> None:
        nonlocal failed
        at_work.add(event.call_id)
        together.append(set(at_work))
        try:
            if event.call_id == 0 and not failed:
                failed = True
                raise ValueError
            await asyncio.sleep(0)
        finally:
            at_work.discard(event.call_id)

    async with dms_events.connect("memory://") as bus:
        await bus.publish(call(0))
        async with bus.subscribe(ServiceCall, durable="billing") as messages:
            await (await anext(messages)).nak()
        await bus.publish_many([call(number) for number in range(1, 200)])
        worker.drain()
        await worker.run(bus)
    assert worker.stats.handled == 200
    assert failed
    assert max(map(len, together)) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_a_worker_that_runs_with_a_url_and_the_handlers_are_put_back(
    number: signal.Signals,
) -> None:
    worker = Worker("billing")

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None: ...

    @worker.on_startup
    async def begin() -> None:
        signal.raise_signal(number)

    before = signal.getsignal(number)
    async with asyncio.timeout(15):
        await worker.run("memory://")
    assert signal.getsignal(number) is before


async def test_a_second_signal_cancels_a_worker_that_runs_with_a_url() -> None:
    worker = Worker("billing", drain_s=LONG_S)

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(LONG_S)

    @worker.on_startup
    async def publish() -> None:
        await worker.bus.publish(call(1))

    before = signal.getsignal(signal.SIGTERM)
    async with asyncio.timeout(15):
        with pytest.raises(asyncio.CancelledError):
            await worker.run("memory://")
    assert (worker.stats.handled, worker.stats.returned) == (0, 1)
    assert signal.getsignal(signal.SIGTERM) is before
