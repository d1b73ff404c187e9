"""The libp2p node, which runs on the trio side of the bridge."""

from .arrivals import Arrived
from .node import Node, NoPeersError, Progress
from .streams import LARGEST_FRAME, Inbound

__all__ = [
    "LARGEST_FRAME",
    "Arrived",
    "Inbound",
    "NoPeersError",
    "Node",
    "Progress",
]
