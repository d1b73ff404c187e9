"""Peer exchange: who leaves this node out of its mesh names others, of whom this node dials some."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

import trio
from libp2p.peer.peerinfo import PeerInfo

from .dialling import Dialler, UnreachableError

__all__ = ["PeerExchange"]

_log = logging.getLogger("dms_events")
_ENOUGH = 8
"""Connections from which on nobody else is dialled: some more than the mesh of a topic wants."""
_DIAL_S = 5.0
_MOST_ADDRESSES = 4
_MOST_WAITING = 64


class PeerExchange:
    """Dials peers that others named, one after another, for as long as this node has few."""

    def __init__(self, own: object, dialler: Dialler) -> None:
        self._own = own
        self._dialler = dialler
        self._put, self._named = trio.open_memory_channel[PeerInfo](_MOST_WAITING)

    def offer(self, peers: Sequence[PeerInfo]) -> None:
        """Take note of peers; returns at once. What finds too many waiting is forgotten."""
        with suppress(trio.WouldBlock):
            for peer in peers:
                self._put.send_nowait(peer)

    async def run(self) -> None:
        """For as long as the node runs."""
        async for named in self._named:
            if named.peer_id != self._own and len(self._dialler.connected) < _ENOUGH:
                await self._dial(named)

    async def _dial(self, named: PeerInfo) -> None:
        try:
            await self._dialler.connect(named.peer_id, named.addrs[:_MOST_ADDRESSES], _DIAL_S)
        except UnreachableError as error:
            _log.debug("peer %s, which another one named, was not reached: %s", named, error)
