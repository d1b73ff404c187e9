"""Helpers over asyncio: task groups with plain errors, waiting with a limit, cancelling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

__all__ = ["TaskSet", "cancelled", "set_within", "task_group", "until_first"]

T = TypeVar("T")

_CANCEL_AGAIN_S = 0.1


class TaskSet:
    """Tasks in the background; `finish` waits until they have ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task and return it; the set forgets a task that has ended."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def cancel(self) -> None:
        """Cancel all tasks and wait until they have ended; their errors are ignored."""
        await cancelled(*self._tasks)

    async def finish(self) -> None:
        """Wait until all tasks have ended; cancelling this wait cancels them."""
        try:
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            await self.cancel()


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """An `asyncio.TaskGroup` that raises the first error itself, not a group of errors.

    The documented errors of this library can then be caught by their class; their cause is the group.
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
    """Run all until one ends, then cancel the others. An error of the one that ended is raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
    finally:
        await cancelled(*tasks)


async def cancelled(*tasks: asyncio.Task[Any] | None) -> None:
    """Cancel the tasks and wait until they have ended; their errors are ignored."""
    all_ = [task for task in tasks if task is not None]
    going = set(all_)
    while going:
        for task in going:
            task.cancel()
        # Cancel again: `asyncio.wait_for` loses a cancellation that comes with its result (3.11).
        _, going = await asyncio.wait(going, timeout=_CANCEL_AGAIN_S)
    await asyncio.gather(*all_, return_exceptions=True)


async def set_within(event: asyncio.Event, timeout_s: float | None) -> None:
    """Wait until the event is set, at most ``timeout_s``; None is without limit."""
    if timeout_s is None:
        await event.wait()
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
