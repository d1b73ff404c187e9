"""Publishing on JetStream: a window of acknowledgements, and fast ingest where the server offers it."""

from .window import Publisher

__all__ = [
    "Publisher",
]
