"""The largest request that gets through: learned from refusals, and tried upwards again rarely."""

from __future__ import annotations

import logging

__all__ = ["RequestLimit"]

_log = logging.getLogger("dms_events")

_RAISE_AFTER_S = 300.0
_RAISE_AFTER_MOST_S = 24 * 3600.0
_RAISE_BY = 2


class RequestLimit:
    """Says how many bytes a request may have.

    A refusal halves the limit. After five minutes without one, one request may be twice as large. If that
    is refused too, the limit stays, and the next trial comes after twice the time, a day at most.

    Args:
        most_bytes: upper limit, as the sink is set.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = most_bytes
        self._raise_after_s = _RAISE_AFTER_S
        self._raise_at = 0.0
        self._trial_bytes = 0
        """While a larger request is tried: its limit, else 0."""

    def bytes_at(self, now: float) -> int:
        """Return the limit for the next request, at ``now`` seconds on the monotonic clock."""
        if self._bytes < self._most_bytes and now >= self._raise_at:
            self._raise_at = now + self._raise_after_s
            self._trial_bytes = min(self._most_bytes, _RAISE_BY * self._bytes)
            return self._trial_bytes
        return self._bytes

    def passed(self, size: int) -> None:
        """Record that a request of ``size`` bytes got through."""
        if size > self._bytes:
            self._bytes = max(size, self._trial_bytes)
            self._trial_bytes = 0
            self._raise_after_s = _RAISE_AFTER_S
            _log.info("requests of %d bytes get through again", size)

    def refused(self, size: int, reason: str, now: float) -> None:
        """Record that a request of ``size`` bytes with several documents was too large."""
        if size > self._bytes and self._trial_bytes:
            self._trial_bytes = 0
            self._raise_after_s = min(_RAISE_AFTER_MOST_S, 2 * self._raise_after_s)
        elif size // 2 < self._bytes:
            self._bytes = max(1, size // 2)
            _log.warning(
                "requests of %d bytes do not get through (%s): from now on they have at most %d",
                size,
                reason,
                self._bytes,
            )
        self._raise_at = now + self._raise_after_s
