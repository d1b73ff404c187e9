"""The times at which things happen: more by day than by night, in UTC."""

from __future__ import annotations

import math
from bisect import bisect_right
from random import Random

__all__ = ["Rhythm"]

_HOUR = 3600.0
_PEAK = 15.0
_SWING = 0.6


class Rhythm:
    """A span of time with weights of its hours from 0.4 (3 o'clock UTC) to 1.6 (15 o'clock UTC).

    Times are Unix seconds.
    """

    def __init__(self, start: float, end: float) -> None:
        self._times = [start]
        self._masses = [0.0]
        mass = 0.0
        while (now := self._times[-1]) < end:
            until = min((now // _HOUR + 1) * _HOUR, end)
            hour = (now // _HOUR) % 24 + 0.5
            mass += (until - now) * (1 + _SWING * math.cos((hour - _PEAK) / 12 * math.pi))
            self._times.append(until)
            self._masses.append(mass)

    def draw(self, now: float, count: float, rng: Random) -> float:
        """Return the first of ``count`` random moments in the rest of the span after ``now``."""
        mass = _translate(now, self._times, self._masses)
        rest = self._masses[-1] - mass
        mass += rest * (1 - rng.random() ** (1 / count))
        return _translate(mass, self._masses, self._times)


def _translate(value: float, source: list[float], target: list[float]) -> float:
    n = min(bisect_right(source, value), len(source) - 1)
    share = (value - source[n - 1]) / (source[n] - source[n - 1])
    return target[n - 1] + share * (target[n] - target[n - 1])
