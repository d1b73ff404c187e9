"""The result of an audit: each finding with its reason, and the figures of each month."""

from __future__ import annotations

import enum
import re
from typing import Final, Literal

import msgspec

__all__ = ["FAULTS", "Finding", "Kind", "Month", "Reason", "Summary", "month_of"]

_MONTH: Final = re.compile(r".*-(\d{4}\.\d{2})")

Kind = Literal["missing", "doubled", "surplus", "altered"]


class Reason(enum.Enum):
    """Why an event has no document, or a document has no event."""

    WAITING = "waiting"
    """Missing: the durable was not delivered the event yet."""
    UNSETTLED = "unsettled"
    """Missing: the event was delivered to the durable, which has not settled it: it may be in a retry."""
    DEAD_LETTER = "dead_letter"
    """Missing: the durable gave the event up, and a dead letter has it."""
    OTHER_TYPES = "other_types"
    """Missing: the durable reads no events of this type."""
    NO_DURABLE = "no_durable"
    """Missing: there is no durable of this name."""
    ACKNOWLEDGED = "acknowledged"
    """Missing: the durable has settled the event, so it was lost in the sink or behind it."""
    OLDER = "older"
    """Surplus: the document is older than the first message that the stream still has."""
    NOT_IN_STREAM = "not_in_stream"
    """Surplus: the message was deleted from the stream, or was never in it."""


FAULTS: Final = frozenset(Reason) - {Reason.WAITING, Reason.UNSETTLED, Reason.OLDER}
"""The reasons that make a difference. The others are how a healthy sink looks while it runs."""


class Finding(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One difference."""

    kind: Kind
    id: str
    """The id of the document."""
    indices: tuple[str, ...]
    """The indices that have the document; of a missing one, the index under the prefix ``dms``."""
    reason: Reason | None = None
    sequence: int = 0
    """The position of a missing event in the stream."""
    detail: str = ""
    """The error in the dead letter."""
    fields: dict[str, tuple[str, str]] = {}
    """Of an altered document, by the path of a field: its JSON in the stream, and its JSON in the sink.
    An empty text stands for a field that is not there."""


class Month(msgspec.Struct, kw_only=True):
    """The figures of one month. An event belongs to the month of its index."""

    stream: int = 0
    """Events in the stream that the sink should have."""
    sink: int = 0
    """Documents in the sink."""
    older: int = 0
    """Documents older than the first message of the stream."""
    missing: int = 0
    doubled: int = 0
    surplus: int = 0
    altered: int = 0


class Summary(msgspec.Struct, kw_only=True):
    """The figures of an audit."""

    messages: int = 0
    """Messages that were read from the stream, each delivery of it."""
    unreadable: int = 0
    """Messages that are no events; a sink makes dead letters of them."""
    for_others: int = 0
    """Replays of dead letters for other readers, which a sink passes over."""
    months: dict[str, Month] = {}
    reasons: dict[Reason, int] = {}
    """Missing events and surplus documents, by reason."""

    def month(self, index: str) -> Month:
        """Return the figures of the month of an index."""
        return self.months.setdefault(month_of(index), Month())

    @property
    def faults(self) -> int:
        """The number of differences that are faults."""
        counted = sum(count for reason, count in self.reasons.items() if reason in FAULTS)
        return counted + sum(month.doubled + month.altered for month in self.months.values())


def month_of(index: str) -> str:
    """Return the month in the name of an index, as ``2026.02``; ``?`` if the name has none."""
    found = _MONTH.fullmatch(index)
    return found[1] if found else "?"
