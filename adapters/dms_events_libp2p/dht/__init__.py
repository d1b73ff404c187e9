"""The DHT of libp2p, which is Kademlia: peers, providers and values, all bounded.

The DHT of py-libp2p is not used; docs/upstream.md says why.
"""

from .kademlia import Kademlia, rendezvous_key
from .messages import Found

__all__ = [
    "Found",
    "Kademlia",
    "rendezvous_key",
]
