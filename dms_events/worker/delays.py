"""Delays: count messages that wait at the broker, and warn long before it delivers nothing new."""

from __future__ import annotations

import heapq
import logging
import time

__all__ = ["Delays"]

_log = logging.getLogger("dms_events")


class Delays:
    """The messages that a run gave back with a delay, for an outcome `Again`.

    The broker counts each of them as unsettled. With too many of these it delivers nothing new.
    """

    def __init__(self) -> None:
        self.most: int | None = None
        """How many messages may be unsettled over all readers of the durable; None without a limit."""
        self._due: list[float] = []
        """The due time of each message, as a heap."""
        self._warned = False

    @property
    def count(self) -> int:
        """How many of the messages are not due yet."""
        now = time.monotonic()
        while self._due and self._due[0] <= now:
            heapq.heappop(self._due)
        return len(self._due)

    def add(self, delay_s: float) -> None:
        """Count one more message; warn if they are half of those that may be unsettled."""
        heapq.heappush(self._due, time.monotonic() + delay_s)
        if self.most is None:
            return
        count = self.count
        if count * 2 < self.most:
            self._warned = self._warned and count * 4 >= self.most
        elif not self._warned:
            self._warned = True
            _log.warning(
                "%d messages were given back for later, and at most %d may be unsettled "
                "(max_ack_pending of the durable). At that number no new message is delivered until "
                "some of them are settled",
                count,
                self.most,
            )
