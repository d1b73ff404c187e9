"""The other nodes: finds them, dials them again, pings them, and remembers them."""

from .neighbours import Neighbours

__all__ = [
    "Neighbours",
]
