"""SIGINT and SIGTERM end every command: the first soon, even if something hangs, the second at once."""

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
"""Time for the end of a command, such as closing a connection to a server that does not answer."""


class Interrupted(BaseException):
    """A signal asked the command to end."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal.Signals(number).name}")
        self.code = 128 + number
        """The exit code, by the convention of shells."""
        self._said = False

    def say(self) -> None:
        """Print one line about the signal, once."""
        if not self._said:
            self._said = True
            with suppress(OSError):  # stderr is closed
                os.write(2, f"dms-events: {self}\n".encode())


class _Asked:
    """The signal that came, and the function that cancels the running command."""

    def __init__(self) -> None:
        self.by: Interrupted | None = None
        self.cancel: Callable[[], object] | None = None
        self._came = threading.Event()

    def watch(self) -> None:
        # The thread is started before a signal comes: a signal handler must not start a thread.
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
        # Output is not flushed: its reader may be the one that hangs.
        by.say()
        os._exit(by.code)


asked = _Asked()


def end_on_signals() -> None:
    """Let the first SIGINT or SIGTERM raise `Interrupted`, or cancel the coroutine of `_running.run`.

    A second signal ends the process at once. 1 s after the first signal it ends in any case.
    """
    asked.watch()
    for each in _NUMBERS:
        signal.signal(each, asked.take)
