"""The sequence numbers that a node has used, and those that it has heard. Kept over restarts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import time_ns

import trio

from dms_events.errors import ConfigError

from .folder import StateDir
from .windows import Windows

__all__ = ["Seqnos"]

_log = logging.getLogger("dms_events")
_OWN = "seqno"
_HEARD = "heard-seqnos"
_KEEP_S = 5.0
_AHEAD = 1_000_000_000
"""As many numbers as the clock has in a second. A node that publishes at full speed needs nine days for
them."""
_MOST = 1 << 63


class Seqnos:
    """A node's own numbers begin at the clock, or above its last earlier number if that is higher.

    Peers may refuse a number that is lower than an earlier one. The file holds a number ahead of those
    in use, so that a node which is killed uses no number again. Heard numbers are written every five
    seconds: a message that a node heard in the last ones before it was killed counts as new once more.

    Raises:
        ConfigError: the folder cannot be written.
    """

    def __init__(self, state: StateDir | None) -> None:
        self._state = state
        self.last = max(time_ns(), self._kept())
        """The number before the first number of this life."""
        self.windows = Windows()
        self._fails = False
        if state is None:
            return
        if heard := state.read(_HEARD):
            self.windows.load(heard)
        try:
            self._write_own(state, self.last + _AHEAD)
        except OSError as error:
            reason = f"{state.path} cannot be written: {error.strerror}"
            raise ConfigError("state_dir", reason) from error

    def _kept(self) -> int:
        text = self._state.read(_OWN) if self._state else b""
        if not text:
            return 0
        try:
            kept = int(text)
        except ValueError:
            kept = -1
        if 0 <= kept < _MOST:
            return kept
        _log.warning(
            "the last seqno in the state folder cannot be read; this node numbers its messages from the "
            "clock"
        )
        return 0

    async def keep(self, last: Callable[[], int]) -> None:
        """Write every five seconds. ``last`` returns the last number that this node used."""
        while self._state:
            await trio.sleep(_KEEP_S)
            try:
                if self._written - last() < _AHEAD // 2:
                    self._write_own(self._state, last() + _AHEAD)
                if self.windows.changed:
                    heard = self.windows.dump()
                    await trio.to_thread.run_sync(self._state.write, _HEARD, heard)
                self._fails = False
            except OSError as error:
                self._failed(error)

    def close(self, last: int) -> None:
        """Write for the last time. ``last`` is the last number that this node used."""
        if self._state is None:
            return
        try:
            self._write_own(self._state, last)
            self._state.write(_HEARD, self.windows.dump())
        except OSError as error:
            self._failed(error)

    def _write_own(self, state: StateDir, last: int) -> None:
        state.write(_OWN, b"%d\n" % last)
        self._written = last

    def _failed(self, error: OSError) -> None:
        self.windows.changed = True
        if not self._fails:
            _log.warning("the state folder cannot be written: %s", error)
        self._fails = True
