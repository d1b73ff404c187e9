"""Run the coroutine of a command: a signal cancels it, or lets it finish."""

from __future__ import annotations

import asyncio
import faulthandler
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final, TypeVar

from ..aio import cancelled
from ..errors import DmsEventsError
from ._signals import Interrupted, asked

__all__ = ["end_within", "finishing", "repeated", "run"]

T = TypeVar("T")

_SHOW_S: Final = 0.25


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine of a command in its own event loop, until its end or a signal.

    Raises:
        Interrupted: a signal cancelled the coroutine before its end.
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
def finishing(
    stop: Callable[[], None], *, at_once: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Call ``stop`` at the first signal, and let the block finish; a second signal interrupts the block.

    ``stop`` is called in the event loop. ``at_once`` is called before, even if the loop is blocked.
    """
    from ..worker.signals import on_signals  # the commands that finish nothing need no worker

    with on_signals(stop, at_once=at_once) as signals:
        try:
            yield
        except asyncio.CancelledError as error:
            if signals.last:
                raise Interrupted(signals.last) from error
            raise


def end_within(timeout_s: float) -> None:
    """End the process after ``timeout_s``, and print where it hangs: in the loop, or in other threads.

    A later call replaces an earlier one.
    """
    faulthandler.dump_traceback_later(timeout_s, exit=True)


@asynccontextmanager
async def repeated(show: Callable[[], object]) -> AsyncIterator[None]:
    """Show progress: call ``show`` four times a second, for as long as the context lasts."""

    async def showing() -> None:
        while True:
            show()
            await asyncio.sleep(_SHOW_S)

    task = asyncio.create_task(showing())
    try:
        yield
    finally:
        await cancelled(task)
