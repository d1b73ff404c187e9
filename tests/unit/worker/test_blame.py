"""Blame: a raise of any kind, a blocked loop, what the log says of it; and a worker that runs again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter

import pytest

import dms_events
from dms_events import Stats, Worker
from dms_events.types.elk_stats import ServiceCall
from dms_events.types.machine import Libp2pInfo
from tests.kit.programs.processes import until
from tests.kit.storing import call


async def handled_by(worker: Worker, *events: object) -> tuple[Stats, list[str]]:
    """Run a worker over events on a broker of its own; returns its figures, and the letters' reasons."""
    async with dms_events.connect("memory://") as bus:
        await bus.publish_many(events)  # type: ignore[arg-type]
        worker.drain()
        tally = await asyncio.wait_for(worker.run(bus), 20)
        return tally, [letter.reason async for letter in bus.dead_letters.find()]


@pytest.mark.parametrize("raised", [SystemExit(0), SystemExit("later")])
@pytest.mark.parametrize("where", ["handler", "key"])
async def test_a_handler_that_asks_for_the_end_of_the_process_has_raised(
    raised: BaseException, where: str
) -> None:
    worker, calls = Worker("billing"), 0

    def key(event: ServiceCall) -> float:
        if where == "key" and event.call_id == 1:
            raise raised
        return event.call_id

    @worker.on(ServiceCall, attempts=2, backoff_s=0, key=key if where == "key" else None)
    async def handle(event: ServiceCall) -> None:
        nonlocal calls
        calls += 1
        if event.call_id == 1:
            raise raised

    tally, reasons = await handled_by(worker, *map(call, range(4)))
    assert (tally.handled, tally.raised, tally.rejected) == (3, 2, 1)
    assert reasons == [f"its handler raised {raised!r}, which does not end the worker"]


def test_a_worker_runs_again_in_another_event_loop_with_figures_of_its_own() -> None:
    worker = Worker("billing")

    @worker.on(ServiceCall)
    async def handle(event: ServiceCall) -> None: ...

    async def stopped() -> int:
        async with dms_events.connect("memory://") as bus:
            running = asyncio.create_task(worker.run(bus))
            await bus.publish(call(0))
            await until(lambda: worker.stats.handled == 1, "it is handled")
            worker.stop()
            return (await asyncio.wait_for(running, 10)).handled

    for _ in range(2):
        assert asyncio.run(handled_by(worker, *map(call, range(8))))[0].handled == 8
        assert asyncio.run(stopped()) == 1


async def test_an_event_is_not_handled_again_by_a_second_run_in_the_same_loop() -> None:
    worker = Worker("billing")

    @worker.on(ServiceCall)
    async def handle(event: ServiceCall) -> None: ...

    async with dms_events.connect("memory://") as bus:
        event = bus.prepare(call(1))
    assert (await handled_by(worker, event))[0].handled == 1
    assert (await handled_by(worker, event))[0].handled == 0


async def test_what_blocks_the_loop_costs_its_neighbours_no_attempt_and_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker, begun = Worker("billing", ack_wait_s=2), Counter[float]()

    @worker.on(ServiceCall, timeout_s=1, attempts=1)
    async def handle(event: ServiceCall) -> None:
        begun[event.call_id] += 1
        if event.call_id == 5:
            time.sleep(3.2)  # noqa: ASYNC251
        else:
            await asyncio.sleep(0.3)

    tally, reasons = await handled_by(worker, *map(call, range(20)))
    assert (tally.handled, tally.raised, reasons) == (20, 0, [])
    assert set(begun.values()) == {1}
    [blocked] = [text for text in caplog.messages if "has blocked the event loop" in text]
    assert handle.__qualname__ in blocked
    assert "time.sleep(3.2)" in blocked
    assert any("the event loop stood still for 3" in text for text in caplog.messages)


async def test_the_last_failure_is_an_error_with_its_traceback_and_says_how_often(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = Worker("billing")

    @worker.on(ServiceCall, attempts=2, backoff_s=0)
    async def handle(event: ServiceCall) -> None:
        raise ValueError("the bank is closed")

    await handled_by(worker, call(1))
    [first] = [r for r in caplog.records if "(1 attempt left)" in r.message]
    assert "tried again at once" in first.message
    [last] = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert handle.__qualname__ in last.message
    assert last.message.endswith("after 2 attempts")
    assert last.exc_info is not None
    assert isinstance(last.exc_info[1], ValueError)


async def test_a_timeout_shows_where_the_handler_stood(caplog: pytest.LogCaptureFixture) -> None:
    worker = Worker("billing")

    async def ask_the_bank() -> None:
        await asyncio.Event().wait()

    @worker.on(ServiceCall, attempts=1, timeout_s=0.1)
    async def handle(event: ServiceCall) -> None:
        await ask_the_bank()

    assert (await handled_by(worker, call(1)))[1] == ["its handler took longer than 0.1 s"]
    assert "ask_the_bank" in caplog.text


async def test_a_failure_with_a_type_that_holds_a_secret_shows_its_place_and_not_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = Worker("billing")

    @worker.on(Libp2pInfo, attempts=2, backoff_s=0)
    async def handle(event: Libp2pInfo) -> None:
        raise ValueError(f"cannot use {event.private_key!r}")

    await handled_by(worker, Libp2pInfo(private_key=b"swordfish"))
    assert "swordfish" not in "".join(logging.Formatter().format(r) for r in caplog.records)
    assert "withheld" in caplog.text
    assert ", in handle\n" in caplog.text
