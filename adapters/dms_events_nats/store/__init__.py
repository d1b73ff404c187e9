"""Notes in a key-value bucket, and single messages of a stream."""

from .messages import delete_message, fetch_message
from .notes import open_bucket, open_notes, plain

__all__ = [
    "delete_message",
    "fetch_message",
    "open_bucket",
    "open_notes",
    "plain",
]
