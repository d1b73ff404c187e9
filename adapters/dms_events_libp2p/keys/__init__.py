"""Keys of nodes and of private networks, and the peer ids that follow from keys."""

from .node_key import NodeIdentity, key_pair, load_key, peer_id, read_identity
from .peer_ids import in_base58
from .swarm_key import SwarmKey, read_swarm_key

__all__ = [
    "NodeIdentity",
    "SwarmKey",
    "in_base58",
    "key_pair",
    "load_key",
    "peer_id",
    "read_identity",
    "read_swarm_key",
]
