"""The sequence numbers of a node's own messages, which rise over restarts."""

from __future__ import annotations

import logging
from time import time_ns

from dms_events.errors import ConfigError

from .state import StateDir

__all__ = ["OwnSeqnos"]

_log = logging.getLogger("dms_events")
_FILE = "seqno"
_AHEAD = 1_000_000_000
"""As many numbers as a clock's second has; a node that publishes all it can needs nine days for them."""
_MOST = 1 << 63


class OwnSeqnos:
    """Where the numbers begin: at the clock, or above the last one of before, if that is higher.

    Peers may refuse a number that is lower than one before. The file holds a number that was not used
    yet, so that a node which is killed needs not have said how far it came.

    Raises:
        ConfigError: the file cannot be written.
    """

    def __init__(self, state: StateDir | None) -> None:
        self._state = state
        self.last = max(time_ns(), self._kept())
        """The number before the first one of this life."""
        try:
            self._write(self.last + _AHEAD)
        except OSError as error:
            raise ConfigError("state_dir", f"cannot be written: {error.strerror}") from error

    def keep(self, last: int) -> None:
        """Note now and then how far the numbers have come.

        Raises:
            OSError: the file cannot be written now.
        """
        if self._written - last < _AHEAD // 2:
            self._write(last + _AHEAD)

    def close(self, last: int) -> None:
        """No number after this one was used.

        Raises:
            OSError: the file cannot be written.
        """
        self._write(last)

    def _kept(self) -> int:
        text = self._state.read(_FILE) if self._state else b""
        if not text:
            return 0
        try:
            kept = int(text)
        except ValueError:
            kept = -1
        if 0 <= kept < _MOST:
            return kept
        _log.warning(
            "the last seqno in the state folder cannot be read; numbers begin at the clock"
        )
        return 0

    def _write(self, last: int) -> None:
        self._written = last
        if self._state:
            self._state.write(_FILE, b"%d\n" % last)
