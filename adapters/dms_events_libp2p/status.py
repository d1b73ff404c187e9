"""Peers and figures of a node, read in the event loop's thread while the trio side changes them.

So each read first copies the dict, list or set, which the interpreter does in one step.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dms_events import registry
from dms_events.transport import Peer

from .addresses import multiaddr_of
from .bridge import Handover
from .node import Arrived, Node
from .receiving import Gossip
from .state import Seen

__all__ = ["NodeFigures", "figures_of", "peers_of"]


class NodeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a node at this moment. They count from its opening or its last restart."""

    peers: int
    """Peers that are connected."""
    refused: int
    """Inbound connections that were not let in: refused, beyond a limit, not permitted by the ACL, or
    with a handshake that does not end."""
    not_dialled: int
    """How often a peer or an address was not dialled because it is not permitted."""
    trimmed: int
    """Connections that were closed because there were too many."""
    refused_peers: int
    """Peers that are refused because they sent bad messages (the last 10,000 of them)."""
    unsigned: int
    """Messages without a valid signature; they are not delivered."""
    invalid: int
    """Signed messages that are no envelopes; they are not relayed."""
    duplicates: int
    """Messages that were dropped because their signer sent their ID before."""
    replayed: int
    """Messages that were dropped because their seqno was heard before, however long ago."""
    possibly_replayed: int
    """Messages whose seqno is below the seqnos remembered of their signer."""
    too_old: int
    """Messages that were dropped because they are older than ``max_age_s``."""
    inbound_requests: int
    """Requests of peers that are being read, handled or answered."""
    refused_requests: int
    """Requests of peers for which there was no room."""
    dropped_inbound: int
    """Messages dropped because the event loop did not take them in time."""
    dropped_outbound: int
    """Messages dropped because a peer did not take them in time; counted for each peer."""
    queued_inbound: int
    """Messages that wait for the event loop."""
    queued_outbound: int
    """Messages that wait for peers; counted for each peer."""


def figures_of(node: Node, gossip: Gossip, handover: Handover[Arrived]) -> NodeFigures:
    """Return the figures of a running node."""
    return NodeFigures(
        peers=len(_live(node)),
        refused=node.admission.refused,
        not_dialled=node.admission.not_dialled,
        trimmed=node.trimming.closed,
        refused_peers=node.admission.refused_peers,
        unsigned=node.pubsub.unsigned,
        invalid=node.pubsub.invalid,
        duplicates=gossip.duplicates,
        replayed=node.seqnos.windows.counts[Seen.KNOWN],
        possibly_replayed=node.seqnos.windows.counts[Seen.BELOW],
        too_old=node.arrivals.too_old,
        inbound_requests=node.requests_room.held,
        refused_requests=node.requests_room.refused,
        dropped_inbound=handover.dropped,
        dropped_outbound=node.router.dropped,
        queued_inbound=len(handover),
        queued_outbound=sum(map(len, list(node.pubsub.peer_queues.values()))),
    )


def peers_of(node: Node, topic_prefix: str) -> tuple[Peer, ...]:
    """Return the peers of a running node, sorted by id."""
    types: dict[Any, list[str]] = {}
    for name in registry.matching("*"):
        for peer in list(node.pubsub.peer_topics.get(f"{topic_prefix}{name}", ())):
            types.setdefault(peer, []).append(name)
    found = [
        Peer(
            peer_id=str(peer),
            addresses=_remotes(connections),
            direction=connections[0].direction.name.lower(),
            latency_s=node.latency_s(peer),
            types=tuple(types.get(peer, ())),
        )
        for peer, connections in _live(node).items()
    ]
    return tuple(sorted(found, key=lambda peer: peer.peer_id))


def _live(node: Node) -> dict[Any, list[Any]]:
    """Return the live connections by peer. The library may still list a connection that ended."""
    listed = node.host.get_network().connections.copy()
    open_ = {
        peer: [each for each in list(connections) if not each.muxed_conn.is_closed]
        for peer, connections in listed.items()
    }
    return {peer: connections for peer, connections in open_.items() if connections}


def _remotes(connections: list[Any]) -> tuple[str, ...]:
    remotes = [each.muxed_conn.get_remote_address() for each in connections]
    return tuple(multiaddr_of(*remote[:2]) for remote in remotes if remote)
