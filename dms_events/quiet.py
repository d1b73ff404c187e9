"""Say of what may happen for every message that it happens, and not each time."""

from __future__ import annotations

import logging
import time

__all__ = ["Notice", "Quiet"]

_log = logging.getLogger("dms_events")


class Quiet:
    """Tells when to log: at once, and then no more often than every so many seconds."""

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._until = 0.0

    def over(self) -> bool:
        """True if it is time to log; the next time is so many seconds later."""
        now = time.monotonic()
        if now < self._until:
            return False
        self._until = now + self._seconds
        return True


class Notice:
    """A warning about something that is counted: said at once, then every 10 s while it goes on.

    Args:
        text: has a place for how many there were since it was said last, and one for a detail.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.count = 0
        self._said = 0
        self._quiet = Quiet(10.0)

    def add(self, detail: str, count: int = 1) -> None:
        """Count ``count`` more, and say so unless that was said a moment ago."""
        self.count += count
        if self._quiet.over():
            _log.warning(self._text, self.count - self._said, detail)
            self._said = self.count
