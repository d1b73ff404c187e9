"""Streams and durables: declared, compared with the server, made where they are missing."""

from .compare import Difference
from .declaration import DurableSetup, EventsSetup, NatsSetup, StreamSetup
from .ensure import EnsuredConsumer, check_streams, durables, ensure_consumer, make_streams

__all__ = [
    "Difference",
    "DurableSetup",
    "EnsuredConsumer",
    "EventsSetup",
    "NatsSetup",
    "StreamSetup",
    "check_streams",
    "durables",
    "ensure_consumer",
    "make_streams",
]
