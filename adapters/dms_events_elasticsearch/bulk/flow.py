"""How much is sent at a time: more while the server answers soon, less when it has no room."""

from __future__ import annotations

__all__ = ["Flow"]

_SOON_S = 1.0
"""An answer within this time asks for more."""
_LATE_S = 10.0
"""An answer after this time asks for less."""
_WRITES_AT_FIRST = 2.0
_LEAST = 50
_STEPS = 16
"""In so many good answers a batch grows from nothing to its full size."""


class Flow:
    """Additive increase, multiplicative decrease of two amounts, as TCP does it.

    The number of requests in flight is halved by every sign that the server has no room. The size of a
    batch is halved only if bytes or time were short: the queue of a server counts requests, and would
    take fewer documents in smaller ones.
    """

    def __init__(self) -> None:
        self._writes = _WRITES_AT_FIRST
        self._share = 1.0
        """The size of a batch as a part of its limit."""
        self._shrunk_at = 0.0

    def writes(self, most: int) -> int:
        """Return how many requests may be in flight, from 1 to ``most``."""
        self._writes = min(self._writes, float(most))
        return max(1, int(self._writes))

    def batch(self, most: int) -> int:
        """Return how many documents a request may have: at most ``most``, at least 50 of them."""
        return max(min(most, _LEAST), int(most * self._share))

    def answered(self, took_s: float, now: float) -> None:
        """Record that the server took a request and answered after ``took_s``."""
        if took_s > _LATE_S:
            self.refused(now - took_s, now, bytes_short=True)
        elif took_s <= _SOON_S:
            self._writes += 1 / self._writes
            self._share = min(1.0, self._share + 1 / _STEPS)

    def refused(self, began: float, now: float, *, bytes_short: bool) -> None:
        """Record that the server had no room for a request, which was sent at ``began``.

        Requests that were in flight together count as one refusal.
        """
        if began < self._shrunk_at:
            return
        self._shrunk_at = now
        self._writes = max(1.0, self._writes / 2)
        if bytes_short:
            self._share /= 2
