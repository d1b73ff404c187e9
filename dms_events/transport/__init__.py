"""The seam that adapters implement, and the transport within one process, which needs no server."""

from .buffered import BufferedReceiver, DroppingReceiver
from .capabilities import (
    Capability,
    KeyValue,
    SupportsDeadLetters,
    SupportsNotes,
    SupportsOwnership,
    SupportsPeers,
    SupportsPosition,
    SupportsPublishCounts,
    SupportsRequests,
    needed,
)
from .counts import PublishCounts
from .delivery import Delivery, arrival_ns
from .drops import Drops
from .memory import MemoryKeyValue, MemoryTransport
from .peer import Peer
from .positions import DurablePosition, StreamPosition
from .receiver import DurableFacts, Receiver
from .requests import Answer, RequestDelivery
from .transport import (
    ACK_WAIT_S,
    Channel,
    Guarantees,
    OutgoingMessage,
    SubscriptionSpec,
    Transport,
)

__all__ = [
    "ACK_WAIT_S",
    "Answer",
    "BufferedReceiver",
    "Capability",
    "Channel",
    "Delivery",
    "DroppingReceiver",
    "Drops",
    "DurableFacts",
    "DurablePosition",
    "Guarantees",
    "KeyValue",
    "MemoryKeyValue",
    "MemoryTransport",
    "OutgoingMessage",
    "Peer",
    "PublishCounts",
    "Receiver",
    "RequestDelivery",
    "StreamPosition",
    "SubscriptionSpec",
    "SupportsDeadLetters",
    "SupportsNotes",
    "SupportsOwnership",
    "SupportsPeers",
    "SupportsPosition",
    "SupportsPublishCounts",
    "SupportsRequests",
    "Transport",
    "arrival_ns",
    "needed",
]
