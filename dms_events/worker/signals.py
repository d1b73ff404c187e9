"""SIGTERM and SIGINT: the first stops, the second cancels, the third ends the process."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Signals", "on_signals"]

_log = logging.getLogger("dms_events")
_NUMBERS = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """The signals that came."""

    def __init__(self) -> None:
        self.last: int = 0
        """The number of the last signal; 0 if no signal came."""
        self.second: int = 0
        """The number of the signal that cancelled the task; 0 if no signal did."""


@contextmanager
def on_signals(
    stop: Callable[[], None], *, at_once: Callable[[], None] = lambda: None
) -> Iterator[Signals]:
    """Call ``stop`` at the first signal, cancel this task at the second; a third ends the process.

    ``stop`` is called in the event loop. ``at_once`` is called before, even while the loop is blocked.

    The event loop's own signal handlers are not used, since they do not run while the loop is blocked.
    Outside the main thread this function does nothing.
    """
    came = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    loop = asyncio.get_running_loop()
    running = asyncio.current_task()
    begun = False

    def asked(number: int, _frame: FrameType | None) -> None:
        nonlocal begun
        came.last = number
        if not begun:
            begun = True
            at_once()
            loop.call_soon_threadsafe(begin)
        elif running is not None:
            came.second = number
            for each in _NUMBERS:
                signal.signal(each, signal.SIG_DFL)
            loop.call_soon_threadsafe(running.cancel)

    def begin() -> None:
        _log.info("stopping after the running work; a second signal interrupts it")
        stop()

    before = {number: signal.signal(number, asked) for number in _NUMBERS}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
