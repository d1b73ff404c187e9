"""The end of a worker without a durable, and its limits: nothing is lost that is not counted and told."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from dms_events import Bus, Discarded, HandlerError, Worker
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, event_calls
from tests.contract.places import until as until_soon
from tests.kit.programs.processes import until

from .losing import at_work, decoded, in_hand

LARGE = 500_000
BURST = 4


async def test_a_message_that_waits_when_the_worker_stops_is_handled_within_drain_s(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(concurrency=1)
    begun, go = asyncio.Event(), asyncio.Event()
    seen: list[float] = []

    @worker.on(ServiceCall, backoff_s=0.01)
    async def bill(event: ServiceCall) -> None:
        begun.set()
        await go.wait()
        if event.call_id not in seen:
            seen.append(event.call_id)
            raise OSError("again, please")

    async with at_work(worker, bus, caplog) as task:
        await bus.publish_many(event_calls(20))
        await begun.wait()
        await until(lambda: in_hand(worker) == 20, "all have arrived")
        worker.stop()
        go.set()
        async with asyncio.timeout(10):
            await task
    assert sorted(seen) == [float(n) for n in range(20)]
    assert (worker.stats.handled, worker.stats.lost) == (20, 0)


async def test_the_rest_is_lost_at_the_end_of_drain_s_and_that_is_told(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(concurrency=2, drain_s=0)
    told: list[Discarded] = []
    begun = asyncio.Event()

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with (
        place.connect(source="node-1", on_error=told.append) as bus,
        at_work(worker, bus, caplog),
    ):
        await bus.publish_many(event_calls(20))
        await begun.wait()
        await until(lambda: in_hand(worker) == 20, "all have arrived")
    assert sorted(decoded(discarded)["CallID"] for discarded in told) == list(range(20))
    assert all(isinstance(discarded.error, HandlerError) for discarded in told)
    assert (worker.stats.lost, worker.stats.handled) == (20, 0)
    assert "20 messages are lost: there was no durable" in caplog.text


async def test_a_cancellation_interrupts_the_drain_and_the_rest_is_lost(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(concurrency=1, drain_s=600)
    go = asyncio.Event()
    begun: list[float] = []

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        begun.append(event.call_id)
        await go.wait()
        if len(begun) == 2:
            await asyncio.Event().wait()

    with suppress(asyncio.CancelledError):
        async with at_work(worker, bus, caplog) as task:
            await bus.publish_many(event_calls(5))
            await until(lambda: in_hand(worker) == 5, "all have arrived")
            worker.stop()
            go.set()
            await until(lambda: len(begun) == 2, "the next one is begun though it stops")
            task.cancel()
    assert task.cancelled()
    assert (worker.stats.handled, worker.stats.lost) == (1, 4)


async def test_a_drain_ends_when_all_that_arrived_is_handled(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None: ...

    async with at_work(worker, bus, caplog) as task:
        await bus.publish_many(event_calls(50))
        await until(lambda: worker.stats.handled > 0, "they arrive")
        worker.drain()
        async with asyncio.timeout(10):
            await task
    assert worker.stats.lost == 0


@pytest.mark.only("nats-core")
async def test_what_a_full_worker_has_no_room_for_is_dropped_and_counted(
    place: Place, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(concurrency=1, drain_s=0)
    told: list[Discarded] = []

    @worker.on(ServiceCall, timeout_s=None, key=lambda event: 0)
    async def bill(event: ServiceCall) -> None:
        await asyncio.Event().wait()

    options: dict[str, Any] = {"core_buffer_bytes": 6 * LARGE, "on_error": told.append}
    async with place.connect(**options) as reader:
        async with at_work(worker, reader, caplog):
            large, sent = bus.prepare(call(1, "x" * LARGE)), 0

            async def arrived() -> bool:  # all but a burst, which may wait to be taken
                return in_hand(worker) + reader.discards.count >= sent - BURST

            while reader.discards.count < 10:
                for _ in range(BURST):
                    sent += 1
                    data = numbered(large.data, sent)
                    await bus.publish(msgspec.structs.replace(large, data=data))
                await until_soon(arrived)
            held = [entry.message.delivery.size for entry in worker._ledger.in_hand.values()]
        assert 24 << 20 < sum(held) < 41 << 20
        dropped = sum(discarded.count for discarded in told if not discarded.data)
        assert worker.stats.dropped == dropped >= 10
        assert worker.stats.lost == len([discarded for discarded in told if discarded.data])
        assert worker.stats.lost + dropped == sent


def numbered(data: bytes, number: int) -> bytes:
    """An envelope with another ID."""
    envelope = msgspec.json.decode(data)
    return msgspec.json.encode({**envelope, "ID": f"call-{number}"})
