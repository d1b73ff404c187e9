"""Peer exchange: a peer that leaves this node out of its mesh names others, and this node dials some."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from ..addresses import named_by
from ..dialling import Dialler, UnreachableError

__all__ = ["PeerExchange"]

_log = logging.getLogger("dms_events")
_ENOUGH = 8
"""With this many connections no more peers are dialled. The mesh of a topic wants fewer."""
_DIAL_S = 5.0
_MOST_ADDRESSES = 4
_MOST_WAITING = 64


class PeerExchange:
    """Dials peers that others named, one after another, while this node has few connections."""

    def __init__(self, own: ID, dialler: Dialler) -> None:
        self._own = own
        self._dialler = dialler
        self._put, self._named = trio.open_memory_channel[tuple[ID, list[Multiaddr]]](_MOST_WAITING)

    def offer(self, teller: ID, peers: Sequence[PeerInfo]) -> None:
        """Take note of peers that another peer named. Returns at once.

        Peers beyond 64 that wait are forgotten. So are addresses that reach less far than the teller: a
        peer on the internet cannot make this node dial addresses of this network.
        """
        reach = self._dialler.reach_to(teller)
        with suppress(trio.WouldBlock):
            for peer in peers:
                endpoints = named_by((address.to_bytes() for address in peer.addrs), reach)
                addresses = [endpoint.multiaddr for endpoint in endpoints[:_MOST_ADDRESSES]]
                if addresses and peer.peer_id != self._own:
                    self._put.send_nowait((peer.peer_id, addresses))

    async def run(self) -> None:
        """Dial the named peers for as long as the node runs."""
        async for peer, addresses in self._named:
            if len(self._dialler.connected) < _ENOUGH:
                await self._dial(peer, addresses)

    async def _dial(self, peer: ID, addresses: list[Multiaddr]) -> None:
        try:
            await self._dialler.connect(peer, addresses, _DIAL_S)
        except UnreachableError as error:
            _log.debug("peer %s, which another one named, was not reached: %s", peer, error)
