"""The tally of a relay: figures that add up."""

from __future__ import annotations

import msgspec

__all__ = ["RelayTally"]


class RelayTally(msgspec.Struct):
    """What a relay did, in events. The sum from ``stored`` to ``dropped`` is all that it heard."""

    stored: int = 0
    """Stored by the target."""
    duplicates: int = 0
    """Stored by the target before: another relay heard them too, or this one in an earlier life."""
    undecodable: int = 0
    """Could not be read; left out."""
    refused: int = 0
    """Can never be stored, for they are too large or not permitted; left out."""
    dropped: int = 0
    """Thrown away for want of room, because the target was away or slow for too long."""
    retries: int = 0
    """How often a publish failed and was tried again."""
    differing_claims: int = 0
    """Events whose envelope claims another source than their signer."""
    possibly_replayed: int = 0
    """Events that may have been replayed."""
