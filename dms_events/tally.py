"""What a forwarder did, as figures that add up."""

from __future__ import annotations

import msgspec

__all__ = ["Tally"]


class Tally(msgspec.Struct):
    """What a forwarder did, in events. ``received`` is the sum of the others but ``retries``."""

    received: int = 0
    stored: int = 0
    duplicates: int = 0
    """The sink, or this forwarder, had another message of the same identity."""
    redelivered: int = 0
    """The same message again, after its verdict or while it waited for it: only settled again."""
    rejected: int = 0
    """Refused by the sink for good; kept as dead letters."""
    undecodable: int = 0
    """Could not be read; kept as dead letters."""
    returned: int = 0
    """Given back to the stream unsettled, at shutdown or because no dead letter could be written."""
    retries: int = 0
    """Documents written again because the sink said not now."""
    by_type: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    """``stored``, ``duplicates`` and ``rejected`` for each type."""
