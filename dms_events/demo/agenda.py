"""Things to come, in order, under a budget of events."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

import msgspec

from .catalogue import Device

__all__ = ["Agenda", "Report", "Step"]

Report = tuple[Device, msgspec.Struct]
"""An event and the device that reports it."""
Step = Callable[[float], Report | None]
"""What happens at a moment (Unix seconds); it may report one event."""

_DAY = 86400.0


class Agenda:
    """A heap of steps, none of them after ``closing``, in Unix seconds with whole milliseconds.

    ``spare`` counts the events that nobody has claimed yet. A step that is certain to report has
    its event claimed when it is entered; any other step claims one when its time has come.
    """

    def __init__(self, spare: int, closing: float, rng: Random) -> None:
        self.spare = spare
        self.closing = closing
        self._rng = rng
        self._steps: list[tuple[float, int, Step]] = []
        self._entered = 0

    def claim(self, count: int = 1) -> bool:
        """Whether there were ``count`` spare events; they are no longer."""
        if self.spare < count:
            return False
        self.spare -= count
        return True

    def enter(self, time: float, step: Step) -> None:
        """``step`` happens at ``time``; what would come after closing never does."""
        if time <= self.closing:
            self._entered += 1
            heapq.heappush(self._steps, (round(time, 3), self._entered, step))

    def enter_after(self, now: float, per_day: float, step: Step) -> None:
        """``step`` happens once, at some time from now, as what happens so often a day does."""
        if per_day:
            self.enter(now + self._rng.expovariate(per_day / _DAY), step)

    def pop(self) -> tuple[float, Step]:
        """The next moment and its step."""
        time, _, step = heapq.heappop(self._steps)
        return time, step
