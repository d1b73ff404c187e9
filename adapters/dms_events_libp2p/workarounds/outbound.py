"""Outbound connections: only permitted peers and addresses are dialled."""

from __future__ import annotations

from typing import Any

from libp2p.network.exceptions import SwarmException
from multiaddr import Multiaddr

from ..addresses import Ip, ip_of
from .inbound import Admission

__all__ = ["permit_dials"]


def permit_dials(swarm: Any, admission: Admission) -> None:
    """Check each dial against the access list. py-libp2p has a list of addresses, not of peers."""
    stock = swarm._dial_addr_single_attempt

    async def is_allowed(address: Multiaddr) -> bool:
        permitted = admission.acl.permits(None, _ip_in(address))
        admission.not_dialled += not permitted
        return permitted

    async def dial(address: Multiaddr, peer: Any, source: Any = None) -> Any:
        if reason := admission.forbids(peer, _ip_in(address)):
            admission.not_dialled += 1
            raise SwarmException(reason)
        return await stock(address, peer, source)

    swarm.connection_gate.is_allowed = is_allowed
    swarm._dial_addr_single_attempt = dial


def _ip_in(address: Multiaddr) -> Ip | None:
    """Return the IP address in a multiaddr. None for a name, which is checked after the handshake."""
    return ip_of(str(address).split("/")[2])
