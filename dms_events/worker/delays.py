"""Delays: how many messages wait for later at the broker, and a warning long before nothing new comes."""

from __future__ import annotations

import heapq
import logging
import time

__all__ = ["Delays"]

_log = logging.getLogger("dms_events")


class Delays:
    """The messages that a run gave back with a delay, for an outcome `Again`.

    The broker counts each of them as unsettled, and delivers nothing new where too many are.
    """

    def __init__(self) -> None:
        self.most: int | None = None
        """How many may be unsettled, over all readers of the durable; None where there is no limit."""
        self._due: list[float] = []
        """When each of them is due, as a heap."""
        self._warned = False

    @property
    def count(self) -> int:
        """How many are not due yet."""
        now = time.monotonic()
        while self._due and self._due[0] <= now:
            heapq.heappop(self._due)
        return len(self._due)

    def add(self, delay_s: float) -> None:
        """One more is given back, and warned of where that is the half of what may be unsettled."""
        heapq.heappush(self._due, time.monotonic() + delay_s)
        if self.most is None:
            return
        count = self.count
        if count * 2 < self.most:
            self._warned = self._warned and count * 4 >= self.most
        elif not self._warned:
            self._warned = True
            _log.warning(
                "%d messages were given back for later, of %d that may be unsettled (max_ack_pending of "
                "the durable): at that number nothing new is delivered until some of them are settled",
                count,
                self.most,
            )
