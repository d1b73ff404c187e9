"""The other nodes: found, dialled again, asked for a sign of life, and remembered."""

from .neighbours import Neighbours

__all__ = [
    "Neighbours",
]
