"""A worker without a durable runs on every transport, at most once."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import Any

import pytest

from dms_events import Again, Bus, ConfigError, Discarded, Message, Reject, Worker
from dms_events.types.elk_stats import NtxPayment, ServiceCall
from tests.contract.places import Place, call, event_calls, payment
from tests.kit.programs.processes import until

from .losing import at_work, decoded


async def test_every_event_that_arrives_is_handled_once(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()
    seen: list[float] = []

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        seen.append(event.call_id)

    async with at_work(worker, bus, caplog):
        await bus.publish_many(event_calls(100))
        await until(lambda: len(seen) >= 100, "all are handled")
    assert sorted(seen) == [float(n) for n in range(100)]
    assert (worker.stats.handled, worker.stats.lost) == (100, 0)
    assert f"reads {bus.where}; handlers: elk_stats.ServiceCall → " in caplog.text


async def test_a_message_for_later_waits_in_this_process_and_spends_no_attempt(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()
    calls = 0

    @worker.on(ServiceCall, attempts=1)
    async def bill(event: ServiceCall) -> Again | None:
        nonlocal calls
        calls += 1
        return Again(0.01) if calls < 4 else None

    async with at_work(worker, bus, caplog):
        await bus.publish(call(1))
        await until(lambda: worker.stats.handled == 1, "it is handled")
    assert (calls, worker.stats.again, worker.stats.returned, worker.stats.lost) == (4, 3, 0, 0)


async def test_a_handler_that_raises_is_tried_again_in_this_process(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()
    attempts: list[int] = []

    @worker.on(ServiceCall, backoff_s=0.01)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        attempts.append(message.attempt)
        if len(attempts) < 3:
            raise OSError("the ledger is closed")

    async with at_work(worker, bus, caplog):
        await bus.publish(call(1))
        await until(lambda: worker.stats.handled == 1, "it is handled")
    assert attempts == [1, 1, 1], "nobody delivered it again"
    assert worker.stats.raised == 2


@pytest.mark.parametrize(("error", "calls"), [(ValueError("no price"), 3), (Reject("no"), 1)])
async def test_a_message_that_is_given_up_is_logged_counted_and_told(
    place: Place, caplog: pytest.LogCaptureFixture, error: Exception, calls: int
) -> None:
    worker = Worker()
    told: list[Discarded] = []
    called = 0

    @worker.on(ServiceCall, attempts=3, backoff_s=0.01)
    async def bill(event: ServiceCall) -> None:
        nonlocal called
        called += 1
        raise error

    async with place.connect(source="node-1", on_error=told.append) as bus:
        async with at_work(worker, bus, caplog):
            await bus.publish(call(7))
            await until(lambda: len(told) == 1, "it is told")
        assert bus.discards.count == 1
    [discarded] = told
    assert discarded.error is error
    assert decoded(discarded)["CallID"] == 7
    assert discarded.source == place.source_of("node-1")
    assert "elk_stats.ServiceCall" in discarded.subject
    assert discarded.size >= len(discarded.data)
    assert (called, worker.stats.rejected, worker.stats.handled) == (calls, 1, 0)
    [record] = [r for r in caplog.records if r.name == "dms_events" and r.levelno == logging.ERROR]
    assert f"after {calls} attempt" in record.message
    assert record.exc_info is not None
    assert record.exc_info[1] is error


@pytest.mark.direct
async def test_what_cannot_be_read_is_told_and_the_worker_goes_on(
    place: Place, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()
    told: list[Discarded] = []
    seen: list[float] = []

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        seen.append(event.call_id)

    async with (
        place.connect(on_error=told.append) as reader,
        at_work(worker, reader, caplog),
    ):
        await place.put(b"noise", "elk_stats.ServiceCall")
        await until(lambda: len(told) == 1, "it is told")
        await bus.publish(call(2))
        await until(lambda: seen == [2.0], "the next one is handled")
    assert [discarded.data for discarded in told] == [b"noise"]
    assert (worker.stats.undecodable, worker.stats.handled) == (1, 1)


async def test_events_of_a_key_keep_their_order_over_retries(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()

    def handled(count: int) -> bool:
        return worker.stats.handled == count

    seen: dict[str, list[float]] = {"a": [], "b": []}
    failed: set[float] = set()

    @worker.on(ServiceCall, backoff_s=0.01, key=lambda event: event.status)
    async def follow(event: ServiceCall) -> None:
        if event.call_id % 3 == 0 and event.call_id not in failed:
            failed.add(event.call_id)
            raise OSError("not now")
        seen[event.status].append(event.call_id)

    async with at_work(worker, bus, caplog):
        for n in range(20):  # one by one: gossip promises no order of its own
            await bus.publish(call(float(n), "ab"[n % 2]))
            if not bus.guarantees.ordered:
                await until(partial(handled, n + 1), "it is handled")
        await until(lambda: worker.stats.handled == 20, "all are handled")
    assert seen["a"] == [float(n) for n in range(0, 20, 2)]
    assert seen["b"] == [float(n) for n in range(1, 20, 2)]


async def test_a_batch_that_raises_is_handled_one_by_one(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()
    sizes: list[int] = []

    @worker.on(NtxPayment, attempts=1, batch=4, linger_s=10)
    async def pay(messages: list[Message[NtxPayment]]) -> None:
        sizes.append(len(messages))
        if any(message.event.call_id == 2 for message in messages):
            raise ValueError("not this one")

    async with at_work(worker, bus, caplog):
        await bus.publish_many([payment(float(n)) for n in range(4)])
        await until(lambda: worker.stats.handled + worker.stats.rejected == 4, "all are settled")
    assert sizes == [4, 1, 1, 1, 1]
    assert (worker.stats.handled, worker.stats.rejected) == (3, 1)


@pytest.mark.only("nats-core", "libp2p")
async def test_a_handler_cannot_give_a_message_back_where_nobody_keeps_it(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()
    calls = 0

    @worker.on(ServiceCall, attempts=2, backoff_s=0.01)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        nonlocal calls
        calls += 1
        await message.nak()

    async with at_work(worker, bus, caplog):
        await bus.publish(call())
        await until(lambda: worker.stats.rejected == 1, "it is given up")
    assert (calls, worker.stats.raised, worker.stats.returned) == (2, 2, 0)
    assert "raised for the last time" in caplog.text


@pytest.mark.only("memory", "nats")
async def test_a_handler_may_give_a_message_back_where_the_transport_keeps_it(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()
    attempts: list[int] = []

    @worker.on(ServiceCall, attempts=1)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        attempts.append(message.attempt)
        if len(attempts) < 3:
            await message.nak()

    async with at_work(worker, bus, caplog):
        await bus.publish(call())
        await until(lambda: worker.stats.handled == 1, "it is handled")
    assert attempts == [1, 2, 3]
    assert (worker.stats.raised, worker.stats.returned, worker.stats.lost) == (0, 2, 0)


@pytest.mark.only("nats-core")
async def test_hundreds_of_copies_of_one_event_are_handled_once(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker()
    go = asyncio.Event()
    calls = 0

    @worker.on(ServiceCall, attempts=1)
    async def bill(event: ServiceCall) -> None:
        nonlocal calls
        calls += 1
        await go.wait()
        if event.call_id == 1:
            raise ValueError("no price")

    async with at_work(worker, bus, caplog):
        await bus.publish_many([bus.prepare(call(1))] * 300 + [bus.prepare(call(2))] * 300)
        await until(lambda: calls == 2, "both are begun")
        await bus.publish(payment())
        go.set()
        await until(lambda: worker.stats.duplicates >= 598, "all copies are settled")
    assert (calls, worker.stats.handled, worker.stats.rejected) == (2, 1, 1)
    assert worker.stats.duplicates == 598


@pytest.mark.only("nats-core", "libp2p")
async def test_a_durable_where_nothing_is_acknowledged_is_refused_with_the_way_out(
    bus: Bus,
) -> None:
    worker = Worker("billing")

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None: ...

    with pytest.raises(
        ConfigError, match=r"'billing' .* leave the durable out for a worker at most once"
    ):
        await worker.run(bus)


@pytest.mark.parametrize("option", [{"partitioned": True}, {"must_exist": True}, {"start": "all"}])
def test_options_that_need_a_durable_are_refused_without_one(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=f"{next(iter(option))}: it takes a durable"):
        Worker(**option)
