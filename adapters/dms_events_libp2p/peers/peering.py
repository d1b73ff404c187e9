"""The connections of a node: dials bootstrap peers again, and disconnects frozen peers."""

from __future__ import annotations

import logging
import random
from contextlib import suppress
from typing import Any

import trio
from libp2p.peer.id import ID

from dms_events.errors import TransportError

from ..addresses import has_name, peers_at, resolved
from ..dialling import Dialler
from ..workarounds import reason_of
from .pinging import Pings

__all__ = ["Peering"]

_log = logging.getLogger("dms_events")
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_LOOK_S = 0.25
_ASK_AGAIN_S = 600.0
_MOST_PEERS = 64
"""With this many bootstrap peers, ``/dnsaddr`` names add no more."""
_PING_EVERY_S = 4.0
_PING_S = 8.0
_LEAVE_S = 1.0
_FLUSH_S = 1.0


class Peering:
    """Keeps the connections to the bootstrap peers, and pings every peer."""

    def __init__(
        self, host: Any, dialler: Dialler, bootstrap: dict[str, list[str]], names: list[str]
    ) -> None:
        self._host = host
        self._network = host.get_network()
        self._dialler = dialler
        given = {ID.from_base58(peer): found for peer, found in bootstrap.items()}
        # All nodes of a network may have the same list, so this node may be in it.
        given.pop(host.get_id(), None)
        self._given = given
        self._addresses = dict(self._given)
        self._names = names
        self._asked: set[Any] = set()
        self.pings = Pings(host)

    def is_kept(self, peer: ID) -> bool:
        """True if this is a bootstrap peer. Such a peer is dialled again anyway."""
        return peer in self._addresses

    async def run(self) -> None:
        """Run the jobs for as long as the node runs."""
        async with trio.open_nursery() as tasks:
            for peer in list(self._addresses):
                tasks.start_soon(self._keep, peer)
            for name in self._names:
                tasks.start_soon(self._keep_name, name, tasks)
            tasks.start_soon(self._watch, tasks)

    async def flush(self) -> None:
        """Wait until all peers have read the messages sent to them. Closing would lose the rest."""
        with trio.move_on_after(_FLUSH_S):
            async with trio.open_nursery() as pings:
                for peer in list(self._network.connections):
                    pings.start_soon(self._ping, peer)

    async def ping(self, peer: str, addresses: list[str], timeout_s: float) -> int | None:
        """Ping a peer. Returns the nanoseconds, or None if no answer came in time.

        If the peer is not connected, it is dialled first.

        Raises:
            TransportError: the peer cannot be reached, or sends a wrong answer.
        """
        found = ID.from_base58(peer)
        with trio.move_on_after(timeout_s):
            await self.reach(found, addresses)
            try:
                return await self.pings.round_trip(found)
            except Exception as error:
                raise TransportError(f"peer {peer} did not answer a ping: {error!r}") from error
        return None

    async def reach(self, peer: ID, addresses: list[str]) -> None:
        """Connect to a peer by these addresses, or by its addresses as a bootstrap peer.

        Raises:
            TransportError: the peer cannot be reached.
        """
        if self._dialler.is_connected(peer):
            return
        if not (addresses := addresses or self._addresses.get(peer, [])):
            raise TransportError(f"peer {peer} is not connected; name its multiaddr, with /p2p/")
        try:
            await self._dial(peer, addresses)
        except Exception as error:
            reason = f"cannot connect to {', '.join(addresses)}: {reason_of(error)}"
            raise TransportError(reason) from error

    async def _keep(self, peer: ID) -> None:
        """Stay connected to a peer. py-libp2p dials once, and refuses for a minute after a failure."""
        pause_s, said = _FIRST_PAUSE_S, False
        while True:
            try:
                if not self._dialler.is_connected(peer):
                    await self._dial(peer, self._addresses[peer])
                pause_s, said = _FIRST_PAUSE_S, False
                await trio.sleep(_LOOK_S)
            except Exception as error:  # noqa: BLE001
                if not said:
                    reason = reason_of(error)
                    _log.warning(
                        "peer %s cannot be reached yet, and is dialled again: %s", peer, reason
                    )
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
        await self._dialler.connect(peer, found)

    async def _keep_name(self, name: str, tasks: trio.Nursery) -> None:
        """Stay connected to the peers that a ``/dnsaddr`` names now, and to those it named before."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                found = await trio.to_thread.run_sync(peers_at, name, abandon_on_cancel=True)
                if not found:
                    raise OSError("it names no peer that can be dialled")
                pause_s = _ASK_AGAIN_S
            except Exception as error:  # noqa: BLE001
                _log.warning(
                    "the name %s could not be resolved, and is tried again: %s", name, error
                )
                found = {}
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            for text, addresses in found.items():
                peer = ID.from_base58(text)
                if peer == self._host.get_id():
                    continue
                if peer not in self._addresses:
                    if len(self._addresses) >= _MOST_PEERS:
                        continue
                    tasks.start_soon(self._keep, peer)
                self._addresses[peer] = [*self._given.get(peer, ()), *addresses]
            await trio.sleep(random.uniform(pause_s / 2, pause_s))

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
        """Disconnect a peer that answers nothing. A refusal or an error counts as an answer."""
        with trio.move_on_after(_PING_S) as patience, suppress(Exception):
            await self.pings.round_trip(peer)
        if not patience.cancelled_caught:
            return
        _log.warning("peer %s did not answer for %g s, and is disconnected", peer, _PING_S)
        with trio.move_on_after(_LEAVE_S), suppress(Exception):
            await self._host.disconnect(peer)
