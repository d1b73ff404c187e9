"""The seam that adapters implement, and the transport within one process, which needs no server."""

from .counts import PublishCounts
from .drops import Drops
from .memory import MemoryTransport
from .memory_notes import MemoryKeyValue
from .peer import Peer
from .receiver import Delivery, Receiver
from .requests import Answer, RequestDelivery
from .transport import (
    ACK_WAIT_S,
    Channel,
    Guarantees,
    KeyValue,
    OutgoingMessage,
    SubscriptionSpec,
    Transport,
)
from .unstored import DroppingReceiver, UnstoredDelivery

__all__ = [
    "ACK_WAIT_S",
    "Answer",
    "Channel",
    "Delivery",
    "DroppingReceiver",
    "Drops",
    "Guarantees",
    "KeyValue",
    "MemoryKeyValue",
    "MemoryTransport",
    "OutgoingMessage",
    "Peer",
    "PublishCounts",
    "Receiver",
    "RequestDelivery",
    "SubscriptionSpec",
    "Transport",
    "UnstoredDelivery",
]
