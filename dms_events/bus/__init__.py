"""The bus: publishing and subscribing typed events over one transport."""

from .bus import Bus
from .message import Message
from .subscription import Subscription

__all__ = [
    "Bus",
    "Message",
    "Subscription",
]
