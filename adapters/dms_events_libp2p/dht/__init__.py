"""The DHT of libp2p, which is Kademlia: its own peers, providers and values, each in bounds.

py-libp2p's own is not used; docs/upstream.md says why.
"""

from .kademlia import Kademlia, rendezvous_key
from .messages import Found

__all__ = [
    "Found",
    "Kademlia",
    "rendezvous_key",
]
