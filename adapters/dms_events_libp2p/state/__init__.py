"""What outlives the process of a node: its numbers, those it heard, and the peers that it knew."""

from .folder import StateDir
from .known_peers import KnownPeers
from .seqnos import Seqnos
from .windows import Seen, Windows

__all__ = [
    "KnownPeers",
    "Seen",
    "Seqnos",
    "StateDir",
    "Windows",
]
