"""The positions of the events stream and of a durable in it."""

from __future__ import annotations

import msgspec

__all__ = ["DurablePosition", "StreamPosition"]


class DurablePosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far a durable has come."""

    delivered: int
    """Sequence of the last message that was delivered; 0 before the first."""
    settled: int
    """All messages up to this sequence are settled."""
    unsettled: int
    """Messages that were delivered and are not settled: being worked on, or waiting for a retry."""


class StreamPosition(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a stream that is stored now, and how far a durable has come in it."""

    first: int
    """Sequence of the first message that is still there; without a message, of the next one."""
    last: int
    """Sequence of the last message, also if that is gone; 0 before the first."""
    first_ns: int | None
    """When the first message that is still there was stored, in ns since 1970; None without a message."""
    durable: DurablePosition | None
    """None if there is no such durable."""
