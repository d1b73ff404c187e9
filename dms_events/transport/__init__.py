"""The seam that adapters implement, and the transport within one process, which needs no server."""

from .memory import MemoryTransport
from .transport import (
    Channel,
    Delivery,
    Guarantees,
    Inbox,
    Interest,
    Mark,
    Notes,
    Prepared,
    Transport,
)

__all__ = [
    "Channel",
    "Delivery",
    "Guarantees",
    "Inbox",
    "Interest",
    "Mark",
    "MemoryTransport",
    "Notes",
    "Prepared",
    "Transport",
]
