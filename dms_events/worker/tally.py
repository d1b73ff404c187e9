"""The tally of a relay: figures that add up."""

from __future__ import annotations

import msgspec

__all__ = ["RelayTally"]


class RelayTally(msgspec.Struct):
    """What a relay did, in events. The sum from ``stored`` to ``dropped`` is all that it heard."""

    stored: int = 0
    """Events that the target stored."""
    duplicates: int = 0
    """Events that the target had stored before, from another relay or an earlier run of this one."""
    undecodable: int = 0
    """Events that could not be read; left out."""
    refused: int = 0
    """Events that can never be stored, since they are too large or not permitted; left out."""
    dropped: int = 0
    """Events thrown away for lack of room, because the target was away or slow for too long."""
    retries: int = 0
    """How often a publish failed and was tried again."""
    differing_claims: int = 0
    """Events whose envelope claims another source than their signer."""
    possibly_replayed: int = 0
    """Events that may have been replayed."""
