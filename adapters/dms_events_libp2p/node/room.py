"""Room for what peers ask: how many requests, and how many bytes of them, there may be at once."""

from __future__ import annotations

from collections import Counter
from typing import Any

__all__ = ["Room"]

_MOST_OF_PEER = 256
_MOST = 1_024


class Room:
    """How many inbound requests there may be, and how many bytes of them: of a peer, and of all.

    A peer has a half of the bytes at most.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._streams: Counter[Any] = Counter()
        self._bytes: Counter[Any] = Counter()
        self.refused = 0
        """Requests for which there was none."""

    @property
    def held(self) -> int:
        """Places that are taken."""
        return self._streams.total()

    def enter(self, peer: Any) -> bool:
        """Take a place; False if there is none."""
        if self._streams[peer] >= _MOST_OF_PEER or self.held >= _MOST:
            self.refused += 1
            return False
        self._streams[peer] += 1
        return True

    def take(self, peer: Any, size: int) -> bool:
        """Take room for bytes; False if there is none."""
        held = self._bytes[peer] + size
        if held > self._most_bytes // 2 or self._bytes.total() + size > self._most_bytes:
            self.refused += 1
            return False
        self._bytes[peer] = held
        return True

    def leave(self, peer: Any, size: int) -> None:
        """Give back a place and the bytes that were taken with it."""
        self._streams[peer] -= 1
        self._bytes[peer] -= size
        self._streams += Counter()  # who has nothing is forgotten
        self._bytes += Counter()
