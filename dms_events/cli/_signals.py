"""SIGINT and SIGTERM end every command: the first one soon and whatever hangs, the second at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final

__all__ = ["Interrupted", "asked", "end_on_signals"]

_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM)
_CLEANUP_S: Final = 1.0
"""For what a command does at its end, as closing a connection to a server that says nothing."""


class Interrupted(BaseException):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.code = 128 + number
        """The exit code, as shells have it."""
        self._said = False

    def say(self) -> None:
        """Say so in a line, once."""
        if not self._said:
            self._said = True
            with suppress(OSError):  # stderr is closed
                os.write(2, f"dms-events: {self}\n".encode())


class _Asked:
    """The signal that came, and what it is to cancel."""

    def __init__(self) -> None:
        self.by: Interrupted | None = None
        self.cancel: Callable[[], object] | None = None
        self._came = threading.Event()

    def watch(self) -> None:
        # It is started before a signal comes, because a signal handler must not start a thread.
        threading.Thread(target=self._end_late, daemon=True).start()

    def take(self, number: int, _frame: FrameType | None) -> None:
        if self.by is not None:
            self._end(self.by)
        self.by = Interrupted(number)
        self._came.set()
        if self.cancel is None:
            raise self.by
        self.cancel()

    def _end_late(self) -> None:
        self._came.wait()
        time.sleep(_CLEANUP_S)
        if self.by is not None:
            self._end(self.by)

    @staticmethod
    def _end(by: Interrupted) -> None:
        # Nothing is flushed: whoever reads the output may be what hangs.
        by.say()
        os._exit(by.code)


asked = _Asked()


def end_on_signals() -> None:
    """Have the first SIGINT or SIGTERM raise `Interrupted`, or cancel what `_running.run` runs.

    A second one ends the process at once. What is left 1 s after the first one is not waited for.
    """
    asked.watch()
    for each in _NUMBERS:
        signal.signal(each, asked.take)
