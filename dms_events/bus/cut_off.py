"""The events that a cancelled publish left open; sealing them does not delay the cancellation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from .sealing import Event, Outgoing, Sealer

__all__ = ["CutOff"]


class CutOff(Sequence[Event]):
    """Events in the order given. Events not taken yet are sealed at the first access.

    A cancellation must come through at once, and most callers never look at the events.
    """

    def __init__(self, sealer: Sealer, taken: list[Event], rest: list[Event]) -> None:
        self._sealer = sealer
        self._events = taken
        self._rest = rest

    def __len__(self) -> int:
        return len(self._events) + len(self._rest)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Event]: ...

    def __getitem__(self, index: int | slice) -> Event | Sequence[Event]:
        if self._rest:
            self._events += Outgoing(self._sealer, iter(self._rest)).rest()
            self._rest = []
        return self._events[index]
