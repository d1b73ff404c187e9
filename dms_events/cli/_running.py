"""Run the coroutine of a command: a signal cancels it, or lets it finish."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ..errors import DmsEventsError
from ._signals import Interrupted, asked

__all__ = ["finishing", "run"]

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine of a command in an event loop of its own, until its end or a signal.

    Raises:
        Interrupted: a signal cancelled it, and it has not come to its end.
    """
    try:
        return asyncio.run(_cancellable(work))
    except (asyncio.CancelledError, DmsEventsError) as error:
        if asked.by is not None:
            raise asked.by from error
        raise


async def _cancellable(work: Coroutine[Any, Any, T]) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        asked.cancel = lambda: loop.call_soon_threadsafe(task.cancel)
    try:
        return await work
    finally:
        asked.cancel = None


@contextmanager
def finishing(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at the first signal, and let what runs finish; the second one interrupts it."""
    from ..worker.signals import on_signals  # the commands that finish nothing need no worker

    with on_signals(stop) as signals:
        try:
            yield
        except asyncio.CancelledError as error:
            if signals.last:
                raise Interrupted(signals.last) from error
            raise
