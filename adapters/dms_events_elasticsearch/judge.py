"""Judge the items of a bulk answer: one verdict (stored, duplicate, retry, rejected) for each document.

The status of a bulk answer is 200 whatever became of the documents. Only its items tell that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import field

from dms_events.errors import SinkError
from dms_events.sink import Document, SinkVerdict, Verdict

__all__ = ["NOT_NOW", "Obstacle", "Refused", "describe", "judge", "overloaded"]

NOT_NOW: Final = frozenset({401, 403, 408, 429})
"""Statuses below 500 that pass: overload, a block, or a key that is being rotated."""

_CLUSTER_FAULTS = frozenset({"index_not_found_exception", "validation_exception"})
"""The index could not be made (no more shards allowed, automatic creation is off). No document is
to blame, and the first event of a month would otherwise begin a month of dead letters."""
_OF_THE_INDEX = _CLUSTER_FAULTS | {"cluster_block_exception"}
"""Errors that hold up the documents of one index, and of no other."""
_TOO_LARGE = "exceeds the maximum allowed limit"
"""The error of `indexing_pressure.memory.max_operation_size` looks like overload, but never passes."""
_REASON_LENGTH = 500
_STORED = SinkVerdict(Verdict.STORED)
_DUPLICATE = SinkVerdict(Verdict.DUPLICATE)


class Obstacle(SinkError):
    """A whole request failed in a way that passes."""


class Refused(SinkError):
    """A whole request was refused for the sake of at least one document in it."""


class _Cause(msgspec.Struct):
    type: str | None = None
    reason: str | None = None
    caused_by: _Cause | None = None


class _Item(msgspec.Struct):
    status: int
    id: str = field(name="_id")
    error: _Cause | str | None = None
    failure_store: str | None = None


class _Reply(msgspec.Struct):
    items: list[dict[str, _Item]]


def judge(documents: Sequence[Document], reply: object) -> list[SinkVerdict]:
    """Return one verdict for each document, in order, from the decoded body of a 200 answer.

    Raises:
        SinkError: ``reply`` is not an answer to a request with these documents.
        Refused: one of the documents is too large, so the server takes none of them.
    """
    try:
        items = msgspec.convert(reply, _Reply).items
    except msgspec.ValidationError as error:
        raise SinkError(f"Elasticsearch's answer cannot be read: {error}") from error
    if len(items) != len(documents):
        raise SinkError(f"Elasticsearch answered for {len(items)} of {len(documents)} documents")
    return [_judge(document, item) for document, item in zip(documents, items, strict=True)]


def overloaded(reply: object) -> bool:
    """True if a document was put off because of the server or the account, and not of its index.

    Args:
        reply: an answer that `judge` has read.
    """
    for answer in msgspec.convert(reply, _Reply).items:
        for item in answer.values():
            if _passes(item, _type_of(item.error)) and _type_of(item.error) not in _OF_THE_INDEX:
                return True
    return False


def _passes(item: _Item, type: str | None) -> bool:
    """True if the document was refused for a reason that passes."""
    failed = item.error is not None or not 200 <= item.status < 300
    for_now = not 400 <= item.status < 500 or item.status in NOT_NOW or type in _CLUSTER_FAULTS
    return failed and for_now


def _judge(document: Document, answer: Mapping[str, _Item]) -> SinkVerdict:
    item = answer.get("create")
    if item is None or item.id != document.id:
        raise SinkError(f"Elasticsearch's answer leaves out document {document.id!r}")
    if item.failure_store == "used":
        return SinkVerdict(Verdict.REJECTED, "it went to the failure store instead of its index")
    if item.error is None and 200 <= item.status < 300:
        return _STORED
    type, reason = _type_of(item.error), f"{item.status} {describe(item.error)}".strip()
    if item.status == 409 and type == "version_conflict_engine_exception":
        return _DUPLICATE
    if item.status == 429 and _TOO_LARGE in reason:
        raise Refused(reason)
    if _passes(item, type):
        return SinkVerdict(Verdict.RETRY, reason)
    return SinkVerdict(Verdict.REJECTED, reason)


def describe(error: object) -> str:
    """Return the ``error`` of an answer as one line: its type and reason, and those of its causes."""
    if not isinstance(error, _Cause):
        try:
            error = msgspec.convert(error, _Cause)
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


def _type_of(error: _Cause | str | None) -> str | None:
    return error.type if isinstance(error, _Cause) else None
