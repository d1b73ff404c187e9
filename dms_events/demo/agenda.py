"""Future steps in time order, with a budget of events."""

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
"""An action at a moment (Unix seconds); it may report one event."""

_DAY = 86400.0


class Agenda:
    """A heap of steps until ``closing``, in Unix seconds with whole milliseconds.

    ``spare`` counts the events that no step has claimed yet. For a step that is certain to report, the
    event is claimed when the step is entered. Any other step claims an event when it runs.
    """

    def __init__(self, spare: int, closing: float, rng: Random) -> None:
        self.spare = spare
        self.closing = closing
        self._rng = rng
        self._steps: list[tuple[float, int, Step]] = []
        self._entered = 0

    def claim(self, count: int = 1) -> bool:
        """Take ``count`` of the spare events. Return False, and take none, if there are fewer."""
        if self.spare < count:
            return False
        self.spare -= count
        return True

    def enter(self, time: float, step: Step) -> None:
        """Let ``step`` happen at ``time``; a step after closing never happens."""
        if time <= self.closing:
            self._entered += 1
            heapq.heappush(self._steps, (round(time, 3), self._entered, step))

    def enter_after(self, now: float, per_day: float, step: Step) -> None:
        """Let ``step`` happen once, after a random wait at the rate ``per_day``; never if that is 0."""
        if per_day:
            self.enter(now + self._rng.expovariate(per_day / _DAY), step)

    def pop(self) -> tuple[float, Step]:
        """Return the next moment and its step."""
        time, _, step = heapq.heappop(self._steps)
        return time, step
