"""Publishing on JetStream (a window of acks, fast ingest where the server offers it) and on core NATS."""

from .core import CorePublisher
from .window import Publisher

__all__ = [
    "CorePublisher",
    "Publisher",
]
