"""The connections of a node: bootstrap peers are dialled again, and frozen peers are left."""

from __future__ import annotations

import logging
import random
from contextlib import suppress
from typing import Any

import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from dms_events.errors import TransportError

from .addresses import has_name, resolved
from .pinging import Pings
from .workarounds import reason_of

__all__ = ["Peering"]

_log = logging.getLogger("dms_events")
_DIAL_S = 10.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_LOOK_S = 0.25
_PING_EVERY_S = 4.0
_PING_S = 8.0
_LEAVE_S = 1.0
_FLUSH_S = 1.0


class Peering:
    """Keeps the connections to the bootstrap peers, and asks every peer for a sign of life."""

    def __init__(self, host: Any, bootstrap: dict[str, list[str]]) -> None:
        self._host = host
        self._network = host.get_network()
        self._bootstrap = bootstrap
        self._asked: set[Any] = set()
        self.pings = Pings(host)

    async def run(self) -> None:
        """For as long as the node runs."""
        async with trio.open_nursery() as tasks:
            for peer, addresses in self._bootstrap.items():
                tasks.start_soon(self._keep, ID.from_base58(peer), addresses)
            tasks.start_soon(self._watch, tasks)

    async def flush(self) -> None:
        """Have all peers read what was sent to them: a closed connection takes the rest with it."""
        with trio.move_on_after(_FLUSH_S):
            async with trio.open_nursery() as pings:
                for peer in list(self._network.connections):
                    pings.start_soon(self._ping, peer)

    async def ping(self, peer: str, addresses: list[str], timeout_s: float) -> int | None:
        """Ping a peer; returns the nanoseconds, or None where no answer came in time.

        If it is not connected, it is dialled first.

        Raises:
            TransportError: it cannot be reached, or does not answer as it should.
        """
        found = ID.from_base58(peer)
        with trio.move_on_after(timeout_s):
            if not self._is_connected(found):
                await self._meet(found, addresses)
            try:
                return await self.pings.round_trip(found)
            except Exception as error:
                raise TransportError(f"peer {peer} did not answer a ping: {error!r}") from error
        return None

    async def _meet(self, peer: ID, addresses: list[str]) -> None:
        if not addresses:
            raise TransportError(f"peer {peer} is not connected; name its multiaddr, with /p2p/")
        try:
            await self._dial(peer, addresses)
        except Exception as error:
            reason = f"cannot connect to {', '.join(addresses)}: {reason_of(error)}"
            raise TransportError(reason) from error

    async def _keep(self, peer: ID, addresses: list[str]) -> None:
        """Be connected to a peer. Stock dials once, and refuses for a minute after a failure."""
        pause_s, said = _FIRST_PAUSE_S, False
        while True:
            try:
                if not self._is_connected(peer):
                    await self._dial(peer, addresses)
                pause_s, said = _FIRST_PAUSE_S, False
                await trio.sleep(_LOOK_S)
            except Exception as error:  # noqa: BLE001
                if not said:
                    reason = reason_of(error)
                    _log.warning("cannot reach peer %s yet, trying again: %s", peer, reason)
                said = True
                await trio.sleep(random.uniform(pause_s / 2, pause_s))
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _dial(self, peer: ID, addresses: list[str]) -> None:
        found: list[Any] = []
        for address in addresses:
            if has_name(address):
                found += await trio.to_thread.run_sync(resolved, address, abandon_on_cancel=True)
            else:
                found += resolved(address)
        with trio.move_on_after(_LEAVE_S):
            await self._host.disconnect(peer)  # a closed connection may still be listed
        for tried, each in enumerate(found, 1):
            # Stock dials the first address that it ever heard of, and no other.
            self._network.peerstore.clear_addrs(peer)
            self._network.unblock_peer(peer)
            try:
                with trio.fail_after(_DIAL_S):
                    await self._host.connect(PeerInfo(peer, [each]))
            except Exception:
                if tried == len(found):
                    raise
            else:
                return

    def _is_connected(self, peer: ID) -> bool:
        return any(not c.muxed_conn.is_closed for c in self._network.get_connections(peer))

    async def _watch(self, tasks: trio.Nursery) -> None:
        while True:
            await trio.sleep(_PING_EVERY_S)
            self.pings.forget_others(set(self._network.connections))
            for peer in set(self._network.connections) - self._asked:
                self._asked.add(peer)
                tasks.start_soon(self._ask, peer)

    async def _ask(self, peer: ID) -> None:
        try:
            await self._ping(peer)
        finally:
            self._asked.discard(peer)

    async def _ping(self, peer: ID) -> None:
        """Leave a peer that answers nothing. A refusal or an error is an answer, or ends by itself."""
        with trio.move_on_after(_PING_S) as patience, suppress(Exception):
            await self.pings.round_trip(peer)
        if not patience.cancelled_caught:
            return
        _log.warning("peer %s did not answer for %g s and is left", peer, _PING_S)
        with trio.move_on_after(_LEAVE_S), suppress(Exception):
            await self._host.disconnect(peer)
