"""Count what a broker said of published messages beside that it accepted them."""

from __future__ import annotations

import msgspec

__all__ = ["PublishCounts"]


class PublishCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted since the transport was opened, as far as its broker tells."""

    duplicates: int = 0
    """Messages that were sent once, and that the broker had stored before under the same identity."""
    ignored_replies: int = 0
    """Replies to published messages that were no acknowledgements."""
