"""Buses that are opened and closed leave nothing: no thread, no task, no descriptor, no peer."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

import psutil  # type: ignore[import-untyped]

from dms_events import Bus, PublishError
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import call
from tests.kit.libp2p.buses import connect, eventually


def held() -> tuple[int, int, int]:
    descriptors: int = psutil.Process().num_fds()
    return threading.active_count(), len(asyncio.all_tasks()), descriptors


async def visit(hub: Bus, publishes: bool) -> None:
    async with connect(hub) as bus, bus.subscribe(ServiceCall):
        if publishes:
            with suppress(PublishError):  # it may not have met anybody yet
                await bus.publish(call())


async def test_twenty_buses_at_once_leave_nothing() -> None:
    await visit_once()
    before = held()
    async with connect() as hub, hub.subscribe(ServiceCall):
        for _ in range(2):
            await asyncio.gather(*(visit(hub, n % 2 == 0) for n in range(20)))
        await eventually(lambda: not hub.peers)
    await eventually(lambda: held() == before)


async def test_buses_that_are_cancelled_while_they_open_leave_nothing() -> None:
    await visit_once()
    before = held()
    for pause_s in (number / 2_000 for number in range(30)):
        bus = connect()
        opening = asyncio.create_task(bus.open())
        await asyncio.sleep(pause_s)
        opening.cancel()
        with suppress(asyncio.CancelledError):
            await opening
        await bus.close()
    await eventually(lambda: held() == before)


async def visit_once() -> None:
    """The first bus of a process opens what stays, such as the log."""
    async with connect():
        pass
