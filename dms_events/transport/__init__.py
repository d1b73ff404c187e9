"""The seam that adapters implement, and the transport within one process, which needs no server."""

from .memory import MemoryTransport
from .transport import (
    Channel,
    DedupeKey,
    Delivery,
    Guarantees,
    KeyValue,
    OutgoingMessage,
    Receiver,
    SubscriptionSpec,
    Transport,
)

__all__ = [
    "Channel",
    "DedupeKey",
    "Delivery",
    "Guarantees",
    "KeyValue",
    "MemoryTransport",
    "OutgoingMessage",
    "Receiver",
    "SubscriptionSpec",
    "Transport",
]
