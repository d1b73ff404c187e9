"""The events that a cancelled publish left open: none of the caller's time is spent on sealing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from .sealing import Event, Outgoing, Sealer

__all__ = ["CutOff"]


class CutOff(Sequence[Event]):
    """Events in the order given. Those that were not taken yet are sealed when they are first looked at.

    A cancellation must come through at once, and mostly nobody looks.
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
