"""Helpers over asyncio: task groups with plain errors, waiting with a limit, cancelling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

__all__ = ["cancelled", "set_within", "task_group", "until_first"]


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """An `asyncio.TaskGroup` that raises the first error itself, not a group of errors.

    The documented errors of this library can then be caught by their class; the group is the cause.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from group


async def until_first(*work: Coroutine[Any, Any, None]) -> None:
    """Until one of them ends; it raises what that one raised. The others are cancelled."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def cancelled(task: asyncio.Task[None] | None) -> None:
    """Cancel it and wait for its end, whatever that is; again where a cancellation was swallowed."""
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=1.0)
    if task is not None and not task.cancelled():
        task.exception()  # retrieved, so that nothing is logged about it


async def set_within(event: asyncio.Event, timeout_s: float | None) -> None:
    """Wait until it is set, or for so long; None for ever."""
    if timeout_s is None:
        await event.wait()
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
