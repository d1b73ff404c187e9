"""Room for the requests of peers: limits their number and their bytes at any time."""

from __future__ import annotations

from collections import Counter
from typing import Any

__all__ = ["Room"]

_MOST_OF_PEER = 256
_MOST = 1_024


class Room:
    """Limits the number of inbound requests and their bytes: of one peer, and of all peers.

    A peer has half of the bytes at most.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._streams: Counter[Any] = Counter()
        self._bytes: Counter[Any] = Counter()
        self.refused = 0
        """Requests for which there was no room."""

    @property
    def held(self) -> int:
        """Places that are taken."""
        return self._streams.total()

    def enter(self, peer: Any) -> bool:
        """Take a place. False if no place is free."""
        if self._streams[peer] >= _MOST_OF_PEER or self.held >= _MOST:
            self.refused += 1
            return False
        self._streams[peer] += 1
        return True

    def take(self, peer: Any, size: int) -> bool:
        """Take room for bytes. False if there is not enough room."""
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
        self._streams += Counter()  # forgets peers that hold nothing
        self._bytes += Counter()
