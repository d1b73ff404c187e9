"""A worker says where it begins; a durable that is new on a stream with history is a warning."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from dms_events import Bus, ConfigError, Worker
from dms_events.transport import DurableFacts, Receiver, SubscriptionSpec
from dms_events.transport.memory import MemoryTransport
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import event_calls
from tests.kit.programs.processes import until

from .working import drained, running

EVERY_S = 0.01
pytestmark = pytest.mark.promised("acknowledges")


def counting(durable: str, **options: Any) -> Worker:
    worker = Worker(durable, **options)

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None: ...

    return worker


def said(caplog: pytest.LogCaptureFixture) -> tuple[int, str]:
    """The level and the text of what a worker said at its start; what was said is forgotten."""
    [record] = [r for r in caplog.records if r.message.startswith("the durable")]
    caplog.clear()
    return record.levelno, record.message


async def test_a_worker_says_whether_its_durable_is_new_and_how_much_waits(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dms_events")
    await drained(counting("billing"), bus)
    level, text = said(caplog)
    assert level == logging.INFO
    assert f"the durable billing on {bus.where} is new and begins with the next event" in text
    assert "elk_stats.ServiceCall → counting.<locals>.bill" in text

    await bus.publish_many(event_calls(1142))
    await drained(counting("biling"), bus)
    level, text = said(caplog)
    assert level == logging.WARNING
    assert "is new and begins with the oldest of 1,142 stored events" in text
    assert "did you mean 'billing'?" in text

    await drained(counting("billing"), bus)
    level, text = said(caplog)
    assert level == logging.INFO
    assert "goes on, 1,142 waiting or unsettled" in text


@pytest.mark.only("memory")
async def test_no_worker_says_that_its_durable_goes_on_if_the_transport_does_not_tell(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Silent(MemoryTransport):
        async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
            receiver = await super().subscribe(spec)
            receiver.facts = DurableFacts()
            return receiver

    caplog.set_level(logging.INFO, "dms_events")
    async with Bus(Silent("memory://")) as bus:
        await bus.publish_many(event_calls(3))
        await drained(counting("billing"), bus)
        level, text = said(caplog)
    assert level == logging.INFO
    assert f"the durable billing on {bus.where} is read, 3 waiting or unsettled" in text


async def test_a_durable_that_must_exist_is_not_made(bus: Bus) -> None:
    await drained(counting("billing"), bus)
    for _ in range(2):  # the first try has not made it
        with pytest.raises(ConfigError, match=r"no durable 'biling'; did you mean 'billing'\?"):
            await counting("biling", must_exist=True).run(bus)
    await drained(counting("billing", must_exist=True), bus)


async def test_a_worker_logs_its_figures_now_and_then_where_they_have_changed(
    bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dms_events")

    def figures() -> list[str]:
        return [r.message for r in caplog.records if r.message.endswith(" in hand")]

    async with running(counting("billing", figures_every_s=EVERY_S), bus):
        await bus.publish_many(event_calls(1))
        await until(lambda: "billing: 1 handled, 0 in hand" in figures(), "it is said")
        await asyncio.sleep(10 * EVERY_S)  # nothing changes meanwhile
        await bus.publish_many(event_calls(1))
        await until(lambda: "billing: 2 handled, 0 in hand" in figures(), "it is said")
    told = [line.partition(", ")[0] for line in figures()]
    assert len(told) == len(set(told)), "what has not changed is told once"
    assert told[-1] == "billing: 2 handled"
