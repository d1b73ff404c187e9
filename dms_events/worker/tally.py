"""Tallies: the figures of a forwarder, a worker and a relay, which add up."""

from __future__ import annotations

import msgspec

__all__ = ["RelayTally", "Tally", "WorkerTally"]


class Tally(msgspec.Struct):
    """What a forwarder did, in events. ``received`` is the sum from ``stored`` to ``returned``."""

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
    for_others: int = 0
    """Replays of what another reader gave up: acknowledged, and not stored for it."""
    retries: int = 0
    """Documents written again because the sink said not now."""
    differing_claims: int = 0
    """Events whose envelope claims another source than the transport knows."""
    by_type: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    """``stored``, ``duplicates`` and ``rejected`` for each type."""


class WorkerTally(msgspec.Struct):
    """What a worker did, in messages. The sum from ``handled`` to ``lost`` is all that it took."""

    handled: int = 0
    duplicates: int = 0
    """Another message of an identity that it had handled: acknowledged, not handled again."""
    redelivered: int = 0
    """The same message again, after it was handled: acknowledged again."""
    rejected: int = 0
    """Without an attempt left, or rejected by the handler; kept as dead letters, if it has a durable."""
    undecodable: int = 0
    """Could not be read; kept as dead letters, if it has a durable."""
    returned: int = 0
    """Given back: to be tried later, or at shutdown."""
    lost: int = 0
    """Not handled when a worker without a durable ended."""
    for_others: int = 0
    """Replays of what another reader gave up: acknowledged, and not handled."""
    raised: int = 0
    """How often a handler raised on a single message."""
    dropped: int = 0
    """Thrown away before the worker took them, for want of room."""
    differing_claims: int = 0
    """Messages and requests whose envelope claims another source than the transport knows."""
    answered: int = 0
    """Requests that were answered with an event; counted when the worker ends, as are the next."""
    refused: int = 0
    """Requests that were answered with an error."""


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
