"""Log an event that may occur for every message, but not each time."""

from __future__ import annotations

import logging
import time

__all__ = ["Notice", "Quiet"]

_log = logging.getLogger("dms_events")


class Quiet:
    """Tells when to log: at once, and then at most once in ``seconds``."""

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._until = 0.0

    def over(self) -> bool:
        """True if it is time to log; the next time is ``seconds`` later."""
        now = time.monotonic()
        if now < self._until:
            return False
        self._until = now + self._seconds
        return True


class Notice:
    """A warning with a count: logged at once, then at most every 10 s while it goes on.

    Args:
        text: a format with two places: the count since the last warning, and a detail.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.count = 0
        self._said = 0
        self._quiet = Quiet(10.0)

    def add(self, detail: str, count: int = 1) -> None:
        """Add ``count``, and log the warning unless it was logged less than 10 s ago."""
        self.count += count
        if self._quiet.over():
            _log.warning(self._text, self.count - self._said, detail)
            self._said = self.count
