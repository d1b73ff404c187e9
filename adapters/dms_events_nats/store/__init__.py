"""Notes in a key-value bucket, and single messages of a stream."""

from .bucket import open_bucket
from .messages import delete_message, fetch_message
from .notes import kv_token, open_notes

__all__ = [
    "delete_message",
    "fetch_message",
    "kv_token",
    "open_bucket",
    "open_notes",
]
