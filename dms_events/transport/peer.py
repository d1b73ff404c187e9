"""A node on the other end of a connection, where there is no broker."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Peer"]


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """A node that is connected, as it was known when it was asked for."""

    peer_id: str
    addresses: tuple[str, ...]
    """The remote ends of its connections, as multiaddrs. That of an inbound connection is not where the
    peer listens."""
    direction: Literal["inbound", "outbound"]
    """Who dialled: the peer, or this node. Of several connections the oldest counts."""
    latency_s: float | None
    """The round trip of the last ping that was answered, in seconds; None before the first."""
    types: tuple[str, ...]
    """The types whose events it wants, sorted."""
