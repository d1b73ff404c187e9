"""Workers at work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dms_events import Bus, Worker

__all__ = ["drained", "running"]


@asynccontextmanager
async def running(worker: Worker, bus: Bus) -> AsyncIterator[asyncio.Task[Any]]:
    """The worker at work; it is stopped at the end."""
    task = asyncio.create_task(worker.run(bus))
    try:
        yield task
    finally:
        worker.stop()
        async with asyncio.timeout(15):
            await task


async def drained(worker: Worker, bus: Bus) -> None:
    worker.drain()
    async with asyncio.timeout(20):
        await worker.run(bus)
