"""Errors of Elasticsearch: as one line, and whose fault each is, by its type.

The types and texts are answers of real servers. `docs/design/elasticsearch-bulk.md` has the table.
"""

from __future__ import annotations

import enum
import re
from typing import Final

import msgspec

from dms_events.errors import SinkError

__all__ = ["INDEX_NOT_FOUND", "NOT_NOW", "Cause", "Fault", "Obstacle", "describe", "fault_of"]

NOT_NOW: Final = frozenset({401, 403, 408, 429})
"""Statuses below 500 that pass: overload, a block, or a key that is being rotated."""

INDEX_NOT_FOUND: Final = "index_not_found_exception"
_OF_THE_CLUSTER: Final = frozenset(
    {
        "cluster_block_exception",
        "fail_processor_exception",
        "index_closed_exception",
        INDEX_NOT_FOUND,
        "invalid_index_name_exception",
        "routing_missing_exception",
        "script_exception",
        "security_exception",
        "unavailable_shards_exception",
        "validation_exception",
    }
)
"""Errors by which the operator's index, pipeline, limit or key refuses every document."""
_OF_THE_CLUSTER_BY_REASON: Final = re.compile(
    r"no write index is defined for alias|pipeline with id \["
    r"|(\[\d+:\d+\] failed to parse: )?(Limit of total fields \[|_id must be unset or set to \[)"
)
"""The same, where the server gives the type of a bad document. Only the beginning of the reason counts:
the rest may quote the document."""
_CLOSED: Final = "index_closed_exception"
_REASON_LENGTH = 500


class Obstacle(SinkError):
    """A whole request failed in a way that passes."""


class Cause(msgspec.Struct):
    """An error of Elasticsearch, and its cause."""

    type: str | None = None
    reason: str | None = None
    caused_by: Cause | None = None


class Fault(enum.Enum):
    """Whose fault an error of one document is."""

    DOCUMENT = "the document's: it is refused for good"
    CLUSTER = "its index's, a pipeline's, a shard's or the key's: it is taken once that is mended"
    OVERLOAD = "the load of the server: others would be refused too"


def fault_of(status: int, error: Cause | str | None, *, closed_passes: bool = True) -> Fault:
    """Return whose fault it is that a document was not stored.

    Args:
        closed_passes: if False, a closed index is as final as a bad document.
    """
    type, reason = (error.type, error.reason) if isinstance(error, Cause) else (None, error)
    if type == _CLOSED and not closed_passes:
        return Fault.DOCUMENT
    if type in _OF_THE_CLUSTER or _OF_THE_CLUSTER_BY_REASON.match(reason or ""):
        return Fault.CLUSTER
    if status == 429:
        return Fault.OVERLOAD
    if not 400 <= status < 500 or status in NOT_NOW:
        return Fault.CLUSTER
    return Fault.DOCUMENT


def describe(error: object) -> str:
    """Return the ``error`` of an answer as one line: its type and reason, and those of its causes."""
    if not isinstance(error, Cause):
        try:
            error = msgspec.convert(error, Cause)
        except msgspec.ValidationError:
            return _line(str(error or ""))
    said: list[str] = []
    while error is not None:
        text = ": ".join(part for part in (error.type, error.reason) if part)
        if text and text not in said:
            said.append(text)
        error = error.caused_by
    return _line("; caused by ".join(said))


def _line(text: str) -> str:
    return " ".join(text.split())[:_REASON_LENGTH]
