"""A histogram of durations."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from math import inf
from typing import Final

__all__ = ["Durations"]

_MOST_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, inf)


class Durations:
    """Counts durations in buckets from 5 ms to 30 s, and one bucket for longer ones."""

    def __init__(self) -> None:
        self._counts = [0] * len(_MOST_S)
        self.sum_s = 0.0
        """All durations together, in seconds."""

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(_MOST_S, seconds)] += 1
        self.sum_s += seconds

    @property
    def count(self) -> int:
        """The number of durations."""
        return sum(self._counts)

    def buckets(self) -> Iterator[tuple[float, int]]:
        """Yield the upper bound of each bucket, in seconds, and the number of durations up to it."""
        return zip(_MOST_S, accumulate(self._counts), strict=True)
