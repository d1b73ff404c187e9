"""How much a worker holds: messages that it took and has not settled, bounded in number and in bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..bus import Message
from .settlement import InFlight

__all__ = ["Hand"]

_MOST: Final = 10_000
_MOST_BYTES: Final = 32 << 20


class Hand:
    """Says whether there is room to take more.

    The bytes of settled messages are still counted, until they leave no room: only then the bytes in hand
    are counted anew. The messages held exceed ``most_bytes`` by one take at most.
    """

    def __init__(self, in_hand: Mapping[str, InFlight]) -> None:
        self._in_hand = in_hand
        self.most = _MOST
        """With so many messages there is no room."""
        self.most_bytes = _MOST_BYTES
        """With more bytes than this there is no room until half of the messages are settled."""
        self._most = _MOST
        """With so many messages there is no room, as long as they have too many bytes."""
        self._bytes = 0
        """As many bytes as are in hand, or more."""

    def has_room(self) -> bool:
        """True if there is room for more; with too many bytes, false until half are settled."""
        count = len(self._in_hand)
        if count >= self._most or count >= self.most:
            return False
        if self._bytes > self.most_bytes:
            self._bytes = sum(map(_size, self._in_hand.values()))
            if self._bytes > self.most_bytes:
                self._most = max(1, (count + 1) // 2)
                return False
        self._most = _MOST
        return True

    def took(self, messages: Iterable[Message[Any]]) -> None:
        """Record one more take."""
        for message in messages:
            self._bytes += message.delivery.size


def _size(entry: InFlight) -> int:
    size = entry.message.delivery.size
    for message in entry.redeliveries:
        size += message.delivery.size
    return size
