"""The course of a search: which node to ask next, and which nodes answered."""

from __future__ import annotations

import trio
from libp2p.peer.id import ID

from .messages import NEAREST, Found, number

__all__ = ["Search"]

_MOST_ASKED = 60


class Search:
    """Chooses which peer to ask next.

    The peers of the table are asked first, because a peer that was only named may be invented.
    """

    def __init__(self, key: bytes, own: ID, first: Found) -> None:
        self._target = number(key)
        self._own = own
        self._first = list(first)
        self.known = dict(first)
        self._asked: dict[ID, bool | None] = {}
        """By peer that was asked. None: it may still answer. True: it has answered. False: it failed."""
        self._changed = trio.Event()

    async def next(self) -> ID | None:
        """Return the next peer to ask, or None. Waits while an asked peer may still name others."""
        while len(self._asked) < _MOST_ASKED:
            peer = self._unasked()
            if peer is not None:
                self._asked[peer] = None
                return peer
            if None not in self._asked.values():
                return None
            await self._changed.wait()
        return None

    def _unasked(self) -> ID | None:
        for peer in self._first:
            if peer not in self._asked:
                return peer
        hopeful = [peer for peer in self._nearest if self._asked.get(peer, True) is not False]
        return next((peer for peer in hopeful[:NEAREST] if peer not in self._asked), None)

    @property
    def _nearest(self) -> list[ID]:
        return sorted(self.known, key=lambda peer: number(peer.to_bytes()) ^ self._target)

    @property
    def nearest_answered(self) -> Found:
        answered = [peer for peer in self._nearest if self._asked.get(peer)]
        return {peer: self.known[peer] for peer in answered[:NEAREST]}

    def answered(self, peer: ID, found: Found) -> None:
        self._asked[peer] = True
        for other, endpoints in found.items():
            if other != self._own and endpoints:
                self.known.setdefault(other, endpoints)
        self._tell()

    def failed(self, peer: ID) -> None:
        self._asked[peer] = False
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
