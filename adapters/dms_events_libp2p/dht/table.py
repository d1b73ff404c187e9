"""The routing table: peers that answered, sorted by their distance."""

from __future__ import annotations

from libp2p.peer.id import ID

from ..addresses import Endpoint
from .messages import NEAREST, Found, number

__all__ = ["Table"]

_BITS = 256
_MOST_BUCKETS = 16


class Table:
    """Buckets of peers, by the number of leading bits that a peer's place shares with this node's.

    A bucket has 20 places. A peer keeps its place for as long as it answers; no newcomer takes it.
    """

    def __init__(self, own: ID) -> None:
        self._own = number(own.to_bytes())
        self._buckets: list[dict[ID, tuple[int, list[Endpoint]]]] = [
            {} for _ in range(_MOST_BUCKETS)
        ]

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    def add(self, peer: ID, endpoints: list[Endpoint]) -> None:
        """Add a peer that is connected and serves the DHT."""
        place = number(peer.to_bytes())
        bucket = self._bucket(place)
        if peer in bucket or (len(bucket) < NEAREST and place != self._own):
            bucket[peer] = place, endpoints

    def remove(self, peer: ID) -> None:
        """Remove a peer that did not answer."""
        self._bucket(number(peer.to_bytes())).pop(peer, None)

    def nearest(self, key: bytes) -> Found:
        """Return the 20 peers that are nearest to a key, the nearest first."""
        target = number(key)
        known = [
            (place ^ target, peer, endpoints)
            for bucket in self._buckets
            for peer, (place, endpoints) in bucket.items()
        ]
        known.sort(key=lambda entry: entry[0])
        return {peer: endpoints for _, peer, endpoints in known[:NEAREST]}

    def _bucket(self, place: int) -> dict[ID, tuple[int, list[Endpoint]]]:
        shared = _BITS - (place ^ self._own).bit_length()
        return self._buckets[min(shared, _MOST_BUCKETS - 1)]
