"""Buses over libp2p on the loopback address, and waiting for what they know of each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import dms_events
from dms_events import Bus

__all__ = ["connect", "eventually", "full_with", "heard_at", "hears", "is_connected"]

URL = "libp2p://127.0.0.1:0"


def connect(*others: Bus, **options: Any) -> Bus:
    """A bus that is not open yet, and will be connected to others."""
    peers = [address for other in others for address in other.transport.addresses]
    return dms_events.connect(
        options.pop("url", URL), bootstrap_peers=[*peers, *options.pop("peers", ())], **options
    )


async def eventually(condition: Callable[[], object], within_s: float = 20.0) -> None:
    """Wait for a condition that nobody announces."""
    async with asyncio.timeout(within_s):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def is_connected(bus: Bus, peer_id: str) -> bool:
    """True if a bus has a connection with this peer now."""
    return any(peer.peer_id == peer_id for peer in bus.transport.peers)


async def hears(publisher: Bus, reader: Bus, type_name: str = "elk_stats.ServiceCall") -> None:
    """Wait until what one publishes goes to the other."""
    await heard_at(publisher, reader.transport.peer_id, type_name)


async def heard_at(publisher: Bus, peer_id: str, type_name: str = "elk_stats.ServiceCall") -> None:
    """Wait until what is published goes to a peer."""
    node = publisher.transport._node
    topic = f"dms/events/{type_name}"

    def known() -> bool:
        subscribed = {str(peer) for peer in list(node.pubsub.peer_topics.get(topic, ()))}
        return peer_id in subscribed & {str(peer) for peer in list(node.pubsub.peers)}

    await eventually(known)


def full_with(bus: Bus, peers: int) -> None:
    """Have the meshes of a node be full with so many."""
    router = bus.transport._node.router
    router.degree = router.degree_low = router.degree_high = peers
