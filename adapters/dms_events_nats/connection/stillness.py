"""The time for which nothing moved on a link, counted only while the event loop ran."""

from __future__ import annotations

__all__ = ["Stillness"]


class Stillness:
    """Counts the seconds in which nothing moved. While the event loop stands still, none are counted.

    Leaving bytes are a movement only if, at the last look, some byte had waited since the look before it.
    New bytes do not count: a dead link takes single bytes for long, because the kernel buffers them,
    here and on the other side.

    Args:
        tick_s: how often `look` is called while the loop runs.
    """

    def __init__(self, tick_s: float) -> None:
        self._tick_s = tick_s
        self._looked_at = 0.0
        self._received = -1
        self._left = 0
        self._written = 0
        self._waited = False
        self.s = 0.0
        """Seconds without a byte that came in and without a waiting byte that left."""

    def look(self, now: float, received: int, written: int, waiting: int) -> None:
        """Compare the counts of bytes with those of the last look. ``waiting`` have not left yet."""
        ran_s = min(now - self._looked_at, 2 * self._tick_s)
        left = written - waiting
        moved = received != self._received or (self._waited and left > self._left)
        self.s = 0.0 if moved else self.s + ran_s
        self._waited = left < self._written
        self._looked_at, self._received, self._left, self._written = now, received, left, written
