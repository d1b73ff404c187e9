"""Records that a node of the DHT keeps for others: providers of keys, and values. Both are bounded."""

from __future__ import annotations

import time
from collections.abc import Callable

from libp2p.peer.id import ID

from ..addresses import Endpoint
from .messages import Found

__all__ = ["LARGEST_VALUE", "Providers", "Values"]

_KEPT_S = 48 * 3600.0
"""As long as go-libp2p-kad-dht keeps providers and values."""
_MOST_RECORDS = 10_000
_MOST_OF_A_KEY = 500
LARGEST_VALUE = 65_536
_MOST_BYTES = 16 << 20
_OVERHEAD = 256
"""Bytes that a record takes beside its key and its value."""


class Providers:
    """The providers of keys, kept for two days: at most 500 peers a key, and 10,000 records in all.

    Beyond that a new record takes the place of the oldest one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._records: dict[tuple[bytes, ID], None] = {}
        self._by_key: dict[bytes, dict[ID, tuple[float, list[Endpoint]]]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def add(self, key: bytes, peer: ID, endpoints: list[Endpoint]) -> None:
        self._remove(key, peer)
        of_key = self._by_key.get(key, {})
        if len(of_key) >= _MOST_OF_A_KEY:
            self._remove(key, next(iter(of_key)))
        elif len(self._records) >= _MOST_RECORDS:
            self._remove(*next(iter(self._records)))
        self._by_key.setdefault(key, {})[peer] = self._clock() + _KEPT_S, endpoints
        self._records[key, peer] = None

    def of(self, key: bytes) -> Found:
        """Return the providers of a key, the latest one last."""
        now = self._clock()
        known = list(self._by_key.get(key, {}).items())
        for peer, (until, _) in known:
            if until <= now:
                self._remove(key, peer)
        return {peer: endpoints for peer, (until, endpoints) in known if until > now}

    def _remove(self, key: bytes, peer: ID) -> None:
        if (key, peer) not in self._records:
            return
        del self._records[key, peer]
        of_key = self._by_key[key]
        del of_key[peer]
        if not of_key:
            del self._by_key[key]


class Values:
    """Values of the DHT, kept for two days. If 16 MB are full, a new value replaces the oldest ones."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[bytes, tuple[float, bytes]] = {}
        self._bytes = 0

    def put(self, key: bytes, value: bytes) -> None:
        self._remove(key)
        while self._kept and self._bytes + _size(key, value) > _MOST_BYTES:
            self._remove(next(iter(self._kept)))
        self._kept[key] = self._clock() + _KEPT_S, value
        self._bytes += _size(key, value)

    def get(self, key: bytes) -> bytes | None:
        until, value = self._kept.get(key, (0.0, b""))
        if until > self._clock():
            return value
        self._remove(key)
        return None

    def _remove(self, key: bytes) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self._bytes -= _size(key, found[1])


def _size(key: bytes, value: bytes) -> int:
    return len(key) + len(value) + _OVERHEAD
