"""Inbound connections: a slot lasts as long as its connection, and an address has a limit."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from libp2p.network.connection.raw_connection import RawConnection

from dms_events.quiet import Quiet

from ..addresses import AccessList, Ip, ip_of, place_of
from .reasons import reason_of
from .sockets import remember_remote

__all__ = ["Admission", "admit"]

_log = logging.getLogger("dms_events")
_MOST_REFUSED = 10_000
_QUIET_S = 10.0


class Admission:
    """Decides who may connect: at most ``per_address`` connections an address, and no refused peers.

    The addresses of one IPv6 network of 64 bits count as one. A peer is refused for good. Its address is
    refused too, for ``refuse_s``, since a new key makes a new peer. A node with the id ``own`` is this
    node or has its key, and this node would never hear its messages.
    """

    def __init__(
        self,
        own: str,
        per_address: int,
        refuse_s: float,
        acl: AccessList,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._own = own
        self._per_address = per_address
        self._refuse_s = refuse_s
        self.acl = acl
        self._clock = clock
        self._held: Counter[str] = Counter()
        self._addresses: dict[str, float] = {}
        self._peers: dict[Any, None] = {}
        self.refused = 0
        """Inbound connections that were not let in."""
        self.not_dialled = 0
        """How often a peer or an address was not dialled because it is not permitted."""
        self._quiet = Quiet(_QUIET_S)

    @property
    def refused_peers(self) -> int:
        """How many peers are refused. Beyond 10,000 the oldest ones are forgotten."""
        return len(self._peers)

    def refuses_peer(self, peer: Any) -> bool:
        return peer in self._peers

    def forbids(self, peer: Any, ip: Ip | None) -> str:
        """Return why this peer at this address may not be connected. Empty if it may."""
        if str(peer) == self._own:
            return "it is this node, or has its key"
        if self.refuses_peer(peer):
            return f"peer {peer} is refused because of messages that it sent before"
        if not self.acl.permits(str(peer), ip):
            return f"the ACL does not permit peer {peer} at {ip or 'any address'}"
        return ""

    def refuse(self, peer: Any, addresses: set[str]) -> None:
        """Refuse this peer for good, and its addresses for a time."""
        while len(self._peers) >= _MOST_REFUSED:
            del self._peers[next(iter(self._peers))]
        self._peers[peer] = None
        now = self._clock()
        self._addresses = {a: until for a, until in self._addresses.items() if until > now}
        if self._refuse_s > 0:
            self._addresses |= dict.fromkeys(map(place_of, addresses), now + self._refuse_s)

    def take(self, address: str) -> bool:
        """Take a place of this address, which `give_back` gives back; False if it gets none."""
        place = place_of(address)
        if not self.acl.permits(None, ip_of(address)):
            reason = "the ACL does not permit it"
        elif self._held[place] >= self._per_address:
            reason = f"it has {self._per_address} connections already"
        elif self._addresses.get(place, 0.0) > self._clock():
            reason = "a peer there sent junk"
        else:
            self._held[place] += 1
            return True
        self._held += Counter()  # an address without places is forgotten
        self.turned_away(address, reason)
        return False

    def give_back(self, address: str) -> None:
        self._held[place_of(address)] -= 1
        self._held += Counter()

    def turned_away(self, address: str, reason: str) -> None:
        """Count an inbound connection that was not let in, and log some of them."""
        self.refused += 1
        if self._quiet.over():
            _log.warning(
                "%d inbound connections were refused so far; the last one from %s: %s",
                self.refused,
                address,
                reason,
            )


def admit(swarm: Any, admission: Admission) -> None:
    """Give back the slot of an inbound connection when it ends, and limit the connections of an address.

    py-libp2p holds one of 250 slots and a task for the life of the node. So after 250 inbound connections
    it lets nobody in. It has no limit for an address.
    """

    async def handle(connection: Any, listener: Any, failure: Any) -> None:
        remember_remote(connection)
        remote = connection.get_remote_address()
        if remote is None or not admission.take(remote[0]):
            await connection.close()
            return
        try:
            await serve(RawConnection(connection, False), listener, remote[0])
        finally:
            admission.give_back(remote[0])

    async def serve(raw: Any, listener: Any, address: str) -> None:
        try:
            muxed = await swarm.upgrade_inbound_raw_conn(raw, listener)
        except Exception as error:  # noqa: BLE001
            admission.turned_away(address, reason_of(error))
            with suppress(Exception):
                await raw.close()
            return
        for connection in swarm.get_connections():
            if connection.muxed_conn is muxed:
                await connection.event_closed.wait()

    swarm._do_handle_inbound_connection = handle
