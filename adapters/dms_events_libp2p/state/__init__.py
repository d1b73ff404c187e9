"""State that outlives the process of a node: its own seqnos, those that it heard, and known peers."""

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
