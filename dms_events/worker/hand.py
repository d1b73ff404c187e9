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

    The bytes are counted only once in several takes, so that they cost nothing for each message. The
    messages held exceed ``most_bytes`` by one take at most.
    """

    def __init__(self, in_hand: Mapping[str, InFlight]) -> None:
        self._in_hand = in_hand
        self.most = _MOST
        """With so many messages there is no room."""
        self.most_bytes = _MOST_BYTES
        """With more bytes than this there is no room until half of the messages are settled."""
        self._most = _MOST
        """With so many messages there is no room, as long as they have too many bytes."""
        self._takes = 0
        """How many takes are left until the bytes are counted again."""

    def has_room(self) -> bool:
        """True if there is room for more; with too many bytes, false until half are settled."""
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
        """Record one more take."""
        self._takes -= 1


def _size(entry: InFlight) -> int:
    size = entry.message.delivery.size
    for message in entry.redeliveries:
        size += message.delivery.size
    return size
