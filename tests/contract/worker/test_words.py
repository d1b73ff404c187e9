"""A worker says where it begins; a durable that is new on a stream with history is a warning."""

from __future__ import annotations

import logging

import pytest

from dms_events import Bus, ConfigError, Worker
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import event_calls

from .working import drained

pytestmark = pytest.mark.promised("acknowledges")


def counting(durable: str, *, must_exist: bool = False) -> Worker:
    worker = Worker(durable, must_exist=must_exist)

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


async def test_a_durable_that_must_exist_is_not_made(bus: Bus) -> None:
    await drained(counting("billing"), bus)
    for _ in range(2):  # the first try has not made it
        with pytest.raises(ConfigError, match=r"no durable 'biling'; did you mean 'billing'\?"):
            await counting("biling", must_exist=True).run(bus)
    await drained(counting("billing", must_exist=True), bus)
