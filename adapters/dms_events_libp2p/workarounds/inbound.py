"""Inbound connections: a slot lasts as long as its connection, and an address has a limit."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from libp2p.network.connection.raw_connection import RawConnection

__all__ = ["Admission", "admit"]

_log = logging.getLogger("dms_events")
_MOST_REFUSED = 10_000


class Admission:
    """Who may connect: at most ``per_address`` connections an address, and nobody that is refused.

    A peer is refused for good, its address for ``refuse_s``, since a new key is a new peer.
    """

    def __init__(
        self, per_address: int, refuse_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_address = per_address
        self._refuse_s = refuse_s
        self._clock = clock
        self._held: Counter[str] = Counter()
        self._addresses: dict[str, float] = {}
        self._peers: dict[Any, None] = {}
        self.refused = 0
        """Inbound connections that were not let in."""

    @property
    def refused_peers(self) -> int:
        """How many peers are refused; of more than 10,000 the first are forgotten."""
        return len(self._peers)

    def refuses_peer(self, peer: Any) -> bool:
        return peer in self._peers

    def refuse(self, peer: Any, addresses: set[str]) -> None:
        """Let in neither this peer nor, for a time, its addresses."""
        while len(self._peers) >= _MOST_REFUSED:
            del self._peers[next(iter(self._peers))]
        self._peers[peer] = None
        now = self._clock()
        self._addresses = {a: until for a, until in self._addresses.items() if until > now}
        if self._refuse_s > 0:
            self._addresses |= dict.fromkeys(addresses, now + self._refuse_s)

    def take(self, address: str) -> bool:
        """Take a place of this address, which `give_back` gives back; False if it gets none."""
        full = self._held[address] >= self._per_address
        if full or self._addresses.get(address, 0.0) > self._clock():
            self.refused += 1
            self._held += Counter()  # an address without places is forgotten
            return False
        self._held[address] += 1
        return True

    def give_back(self, address: str) -> None:
        self._held[address] -= 1
        self._held += Counter()


def admit(swarm: Any, admission: Admission) -> None:
    """Stock: a slot of 250 and a task are held for the life of the node, not of the connection.

    So after 250 inbound connections nobody is let in. And no setting limits an address.
    """

    async def handle(connection: Any, listener: Any, failure: Any) -> None:
        remote = swarm._build_remote_multiaddr(connection)
        address = "" if remote is None else str(remote).split("/")[2]
        allowed = remote is None or await swarm.connection_gate.is_allowed(remote)
        if not allowed or not admission.take(address):
            await connection.close()
            return
        try:
            await serve(RawConnection(connection, False), listener)
        finally:
            admission.give_back(address)

    async def serve(raw: Any, listener: Any) -> None:
        try:
            muxed = await swarm.upgrade_inbound_raw_conn(raw, listener)
            if admission.refuses_peer(muxed.peer_id):
                admission.refused += 1
                await muxed.close()
            for connection in swarm.get_connections():
                if connection.muxed_conn is muxed:
                    await connection.event_closed.wait()
        except Exception as error:  # noqa: BLE001
            _log.debug("an inbound connection failed: %r", error)
            with suppress(Exception):
                await raw.close()

    swarm._do_handle_inbound_connection = handle
