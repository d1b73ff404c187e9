"""Notes in a key-value bucket, and single messages and durables of a stream."""

from .durables import durables_for
from .messages import delete_message, fetch_message
from .notes import kv_token, open_bucket, open_notes

__all__ = [
    "delete_message",
    "durables_for",
    "fetch_message",
    "kv_token",
    "open_bucket",
    "open_notes",
]
