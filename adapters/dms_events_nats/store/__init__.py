"""Notes in a key-value bucket, single messages, streams, durables, and positions."""

from .bucket import open_bucket
from .durables import durables_for
from .messages import delete_message, fetch_message
from .notes import kv_token, open_notes
from .position import position_in
from .streams import missing_stream

__all__ = [
    "delete_message",
    "durables_for",
    "fetch_message",
    "kv_token",
    "missing_stream",
    "open_bucket",
    "open_notes",
    "position_in",
]
