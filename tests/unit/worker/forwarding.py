"""What the tests of the forwarder have in common."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from inspect import iscoroutinefunction

import pytest

from dms_events import Bus, Forwarder, OutgoingMessage, Stats
from dms_events.sink import Verdict
from dms_events.transport.memory.consumer import MemoryDelivery
from dms_events.types.elk_stats import ServiceRemove

from .scripted_sink import Lines

__all__ = ["drained", "forwarding", "lose", "overloaded", "removals", "unsettled", "until"]

NEVER = 10**9


def removals(bus: Bus, count: int) -> list[OutgoingMessage]:
    return [
        bus.prepare(ServiceRemove(service_id=str(n), timestamp=1.0), id=f"id-{n}")
        for n in range(count)
    ]


def overloaded(count: int) -> dict[str, Lines]:
    return {f"id-{n}": Lines(Verdict.STORED, retries=NEVER) for n in range(count)}


async def drained(forwarder: Forwarder) -> Stats:
    forwarder.drain()
    return await asyncio.wait_for(forwarder.run(), 20)


@asynccontextmanager
async def forwarding(forwarder: Forwarder) -> AsyncIterator[None]:
    """Run it for as long as the block lasts; then stop it, and wait until it has ended."""
    running = asyncio.create_task(forwarder.run())
    try:
        yield
    finally:
        forwarder.stop()
        async with asyncio.timeout(30):
            await running


async def unsettled(bus: Bus) -> int:
    async with bus.subscribe("elk_stats.*", durable="dms-events-sink") as messages:
        return await messages.backlog()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.005)


def lose(monkeypatch: pytest.MonkeyPatch, method: str, *, first_delivery_only: bool) -> None:
    """As when the connection breaks before the word is out."""
    original: Callable[[MemoryDelivery], Awaitable[None] | bool] = getattr(MemoryDelivery, method)

    async def nothing() -> None: ...

    def lost(delivery: MemoryDelivery) -> Awaitable[None] | bool:
        if first_delivery_only and delivery.attempt > 1:
            return original(delivery)
        return nothing() if iscoroutinefunction(original) else True

    monkeypatch.setattr(MemoryDelivery, method, lost)
