"""Counts of a broker's other answers to published messages, beside acceptance."""

from __future__ import annotations

import msgspec

__all__ = ["PublishCounts"]


class PublishCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Counts since the transport was opened, as far as its broker tells."""

    duplicates: int = 0
    """Messages sent once that the broker had already stored under the same identity."""
    ignored_replies: int = 0
    """Replies to published messages that were no acknowledgements."""
