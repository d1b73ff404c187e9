"""Dialling: tries one address after another, and forgets failures at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import trio
from libp2p.network.config import RetryConfig
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from libp2p.peer.peerstore import PeerStoreError
from multiaddr import Multiaddr

from .addresses import Endpoint, Reach, named_by, reach_of
from .workarounds import reason_of

__all__ = ["Dialler", "UnreachableError"]

_DIAL_S = 10.0


class UnreachableError(Exception):
    """No address of a peer led to it."""


class Dialler:
    """Connects a host to peers."""

    def __init__(self, host: Any) -> None:
        self._host = host
        self._network = host.get_network()
        self._store = host.get_peerstore()
        self._dials: dict[ID, trio.Event] = {}
        # py-libp2p tries each address four times, with pauses, even if the address refuses.
        self._network.retry_config = RetryConfig(max_retries=0)

    @property
    def connected(self) -> list[ID]:
        """The connected peers."""
        return [peer for peer in list(self._network.connections) if self.is_connected(peer)]

    def is_connected(self, peer: ID) -> bool:
        return any(not c.muxed_conn.is_closed for c in self._network.get_connections(peer))

    async def connect(
        self, peer: ID, addresses: Sequence[Multiaddr], within_s: float = _DIAL_S
    ) -> Multiaddr | None:
        """Connect to a peer. Returns the address that led to it, or None if it was connected already.

        py-libp2p tries one of the TCP addresses that it knows. After a failure it refuses for a minute.

        Raises:
            UnreachableError: no address led to the peer. Each had ``within_s`` seconds.
        """
        while (other := self._dials.get(peer)) is not None:
            await other.wait()
        if self.is_connected(peer):
            return None
        done = self._dials[peer] = trio.Event()
        try:
            return await self._try(peer, addresses, within_s)
        finally:
            del self._dials[peer]
            done.set()

    async def _try(self, peer: ID, addresses: Sequence[Multiaddr], within_s: float) -> Multiaddr:
        failure: Exception | None = None
        for address in addresses:
            self._network.unblock_peer(peer)  # a failure at the last address blocked it
            try:
                with trio.fail_after(within_s):
                    await self._host.disconnect(peer)  # a closed connection may still be listed
                    self._store.clear_addrs(peer)
                    await self._host.connect(PeerInfo(peer, [address]))
            except Exception as error:  # noqa: BLE001
                failure = error
            else:
                return address
        self._network.unblock_peer(peer)
        if not self.is_connected(peer):
            with suppress(PeerStoreError):
                self._store.clear_peerdata(peer)
        reason = "it has no address" if failure is None else reason_of(failure)
        raise UnreachableError(reason) from failure

    def reach_to(self, peer: ID) -> Reach:
        """Return the reach of a connected peer: this machine, this network, or the internet."""
        for connection in self._network.get_connections(peer):
            remote = connection.muxed_conn.get_remote_address()
            if remote:
                return reach_of(ip_address(remote[0].partition("%")[0]))
        return Reach.INTERNET

    def endpoints_of(self, peer: ID) -> list[Endpoint]:
        """Return the addresses on which a connected peer says that it listens."""
        try:
            told = self._store.addrs(peer)
        except PeerStoreError:
            return []
        return named_by((address.to_bytes() for address in told), self.reach_to(peer))

    def speaks(self, peer: ID, protocol: str) -> bool:
        """True if a peer said that it serves a protocol."""
        return bool(self._store.supports_protocols(peer, [protocol]))
