"""A node at the other end of a connection, for transports without a broker."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Peer"]


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A connected node, as it was known at the time of the call."""

    peer_id: str
    addresses: tuple[str, ...]
    """The remote ends of its connections, as multiaddrs. The peer does not listen at the remote end of an
    inbound connection."""
    direction: Literal["inbound", "outbound"]
    """The side that dialled: the peer (inbound), or this node. The oldest connection counts."""
    latency_s: float | None
    """The round trip of the last ping that was answered, in seconds; None before the first."""
    types: tuple[str, ...]
    """The types whose events it wants, sorted."""
