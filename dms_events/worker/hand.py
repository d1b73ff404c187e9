"""How much a worker holds: messages that it took and has not settled, bounded in number and in bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .settlement import InFlight

__all__ = ["Hand"]

_MOST: Final = 10_000
_MOST_BYTES: Final = 32 << 20
_TAKE_BYTES: Final = 8 << 20
"""About as much as one take brings: a receiver holds no more."""


class Hand:
    """Says whether there is room to take more.

    The bytes are counted once in some takes, so that a message costs nothing. What is held exceeds
    ``most_bytes`` by one take at most.
    """

    def __init__(self, in_hand: Mapping[str, InFlight]) -> None:
        self._in_hand = in_hand
        self.most = _MOST
        """There is no room from so many messages on."""
        self.most_bytes = _MOST_BYTES
        """There is no room from so many bytes on, until half is settled."""
        self._most = _MOST
        """There is no room from so many messages on, as long as the bytes are too many."""
        self._takes = 0
        """How many takes are left until the bytes are counted again."""

    def has_room(self) -> bool:
        """Whether to take more; false until half is settled where the bytes are too many."""
        count = len(self._in_hand)
        if count >= self._most or count >= self.most:
            return False
        if not self._takes:
            room = self.most_bytes - sum(map(_size, self._in_hand.values()))
            if room < 0:
                self._most = max(1, (count + 1) // 2)
                return False
            self._most = _MOST
            self._takes = 1 + room // _TAKE_BYTES
        return True

    def took(self) -> None:
        """There was one more take."""
        self._takes -= 1


def _size(entry: InFlight) -> int:
    size = entry.message.delivery.size
    for message in entry.redeliveries:
        size += message.delivery.size
    return size
