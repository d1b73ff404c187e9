"""The message envelope of the DMS network configuration."""

from __future__ import annotations

from msgspec import field

from ._wire import GoStruct

__all__ = ["MessageEnvelope"]


class MessageEnvelope(GoStruct, frozen=True, kw_only=True, gc=False):
    """The DMS envelope as its README has it, field for field.

    What this library sends is its superset `dms_events.Envelope`, which Go reads as this one.
    """

    type: str = field(name="Type")
    data: bytes = field(name="Data")
