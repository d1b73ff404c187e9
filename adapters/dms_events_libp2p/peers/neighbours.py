"""The neighbours of a node: dials them again, finds new ones, and remembers them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from dms_events.errors import ConfigError

from ..dht import Kademlia
from ..dialling import Dialler
from ..settings import NodeSettings
from ..state import KnownPeers, StateDir
from ..workarounds import Admission
from .discovery import Discovery
from .exchange import PeerExchange
from .peering import Peering

__all__ = ["Neighbours"]


class Neighbours:
    """The jobs that keep a node connected to others, and its part in the DHT."""

    def __init__(
        self, host: Any, settings: NodeSettings, admission: Admission, state: StateDir | None
    ) -> None:
        dialler = self._dialler = Dialler(host)
        self._admission = admission
        self._peering = Peering(host, dialler, settings.bootstrap, settings.bootstrap_names)
        self._dht = Kademlia(host, dialler, settings.dht) if settings.dht else None
        self._known = KnownPeers(state)
        self._exchange = PeerExchange(host.get_id(), dialler)
        self._discovery = Discovery(
            dialler, self._known, self._dht, settings.dht, self._is_left_out
        )

    def _is_left_out(self, peer: ID) -> bool:
        return self.is_kept(peer) or self._admission.refuses_peer(peer)

    async def run(self) -> None:
        """Run the jobs for as long as the node runs."""
        try:
            async with trio.open_nursery() as jobs:
                jobs.start_soon(self._peering.run)
                jobs.start_soon(self._discovery.run)
                jobs.start_soon(self._exchange.run)
        finally:
            self._discovery.keep()

    def offer(self, teller: ID, peers: Sequence[PeerInfo]) -> None:
        """Take note of peers that another peer named."""
        self._exchange.offer(teller, peers)

    async def flush(self) -> None:
        """Wait until all peers have read the messages sent to them."""
        await self._peering.flush()

    def is_kept(self, peer: ID) -> bool:
        """True for a bootstrap peer."""
        return self._peering.is_kept(peer)

    def is_connected(self, peer: ID) -> bool:
        """True if there is an open connection to this peer."""
        return self._dialler.is_connected(peer)

    async def reach(self, peer: ID, addresses: list[str]) -> None:
        """See `Peering.reach`."""
        await self._peering.reach(peer, addresses)

    async def ping(self, peer: str, addresses: list[str], timeout_s: float) -> int | None:
        """See `Peering.ping`."""
        return await self._peering.ping(peer, addresses, timeout_s)

    def latency_s(self, peer: ID) -> float | None:
        """The last round trip to a peer, in seconds; None before the first."""
        return self._peering.pings.latency_s(peer)

    async def put_value(self, key: str, value: bytes) -> int:
        """Keep a value in the DHT. Returns how many other nodes took it.

        Raises:
            ConfigError: there is no DHT, or the key or the value is not valid.
        """
        return await self._values().put(key, value)

    async def get_value(self, key: str) -> bytes | None:
        """Return a value of the DHT. None if no value is found.

        Raises:
            ConfigError: there is no DHT, or the key is not valid.
        """
        return await self._values().get(key)

    def _values(self) -> Kademlia:
        if self._dht is None:
            raise ConfigError("custom_namespace", "is not set, so this node keeps no values")
        return self._dht
