"""The bus: publishing and subscribing typed events over one transport, requests and answers."""

from .bus import Bus
from .discards import Discarded
from .message import Message
from .responder import Responder
from .subscription import Subscription

__all__ = [
    "Bus",
    "Discarded",
    "Message",
    "Responder",
    "Subscription",
]
