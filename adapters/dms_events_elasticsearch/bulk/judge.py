"""Judge the items of a bulk answer: one verdict for each document.

The status of a bulk answer is 200 whatever became of the documents. Only its items tell that.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Final

import msgspec
from msgspec import field

from dms_events.errors import SinkError
from dms_events.sink import STORED, Document, Remark, SinkVerdict, Verdict

from ..faults import Cause, Fault, describe, fault_of

__all__ = ["NEEDED", "Judge", "Judged"]

NEEDED: Final = (
    "error,status,items.*._id,items.*.status,items.*.error,items.*.failure_store,items.*.result"
)
"""The parts of an answer that are read, as the parameter ``filter_path``."""

_TOO_LARGE = "exceeds the maximum allowed limit"
"""The error of `indexing_pressure.memory.max_operation_size` looks like overload, but never passes."""
_CONFLICT = "version_conflict_engine_exception"
_DUPLICATE: Final = SinkVerdict(Verdict.DUPLICATE)
_UNSURE: Final = SinkVerdict(Verdict.DUPLICATE, remark=Remark.UNSURE)
_RENAMED: Final = SinkVerdict(Verdict.STORED, remark=Remark.RENAMED)
_IN_FAILURE_STORE: Final = SinkVerdict(
    Verdict.REJECTED,
    "it went to the failure store instead of its index",
    remark=Remark.FAILURE_STORE,
)
_LEFT_OUT: Final = SinkVerdict(
    Verdict.REJECTED,
    "an ingest pipeline dropped it (result: noop)",
    remark=Remark.LEFT_OUT,
)
_OF_ANOTHER: Final = SinkVerdict(
    Verdict.REJECTED,
    "an ingest pipeline gave it the _id of another document",
    remark=Remark.RENAMED,
)


class _Item(msgspec.Struct):
    status: int
    id: str = field(name="_id")
    error: Cause | str | None = None
    failure_store: str | None = None
    result: str | None = None


class _Action(msgspec.Struct):
    create: _Item


class _Reply(msgspec.Struct):
    items: list[_Action]


def _all_stored(documents: Sequence[Document], answer: Any) -> bool:
    """True if the answer says in its plainest form that all documents were created."""
    try:
        for document, action in zip(documents, answer["items"], strict=True):
            item = action["create"]
            if item["status"] != 201 or item["_id"] != document.id:
                return False
            if "error" in item or "failure_store" in item:
                return False
    except (KeyError, TypeError, ValueError):
        return False
    return True


class Judged(msgspec.Struct):
    """What one answer says of the documents of its request."""

    verdicts: list[SinkVerdict | None]
    """None for a document that the server had no room for, or that is too large with its neighbours."""
    overload: str = ""
    """Why the server had no room, if it had none for a document."""
    too_large: list[int] = []
    """Positions of documents that were refused because all of them together, or one, is too large."""
    too_large_reason: str = ""
    unsure: list[int] = []
    """Positions of documents that may have been stored although the server says that it failed."""


class Judge:
    """Reads answers.

    Args:
        lost: ids of documents for which an earlier answer was lost.
        closed_passes: whether documents wait until a closed index is opened; if not, they are rejected.
    """

    def __init__(self, lost: Container[str], *, closed_passes: bool) -> None:
        self._lost = lost
        self._closed_passes = closed_passes

    def judge(self, documents: Sequence[Document], answer: Any) -> Judged:
        """Return the verdicts of the documents, in order, from the decoded body of a 200 answer.

        Raises:
            SinkError: ``answer`` is not an answer to a request with these documents.
        """
        if _all_stored(documents, answer):
            return Judged([STORED] * len(documents))
        try:
            actions = msgspec.convert(answer, _Reply).items
        except msgspec.ValidationError as error:
            raise SinkError(f"Elasticsearch's answer cannot be read: {error}") from error
        if len(actions) != len(documents):
            raise SinkError(
                f"Elasticsearch answered for {len(actions)} of {len(documents)} documents"
            )
        judged = Judged([STORED] * len(documents))
        ids = {document.id for document in documents}
        for position, (document, action) in enumerate(zip(documents, actions, strict=True)):
            item = action.create
            own = item.id == document.id
            # A pipeline may give a document another id, but that of no neighbour.
            if not own and (item.id in ids or not (item.error or item.result)):
                raise SinkError(f"Elasticsearch's answer leaves out document {document.id!r}")
            self._look(position, item, judged, own=own)
        return judged

    def _look(self, position: int, item: _Item, judged: Judged, *, own: bool) -> None:
        conflict = item.status == 409 and _type_of(item.error) == _CONFLICT
        if own and conflict:
            judged.verdicts[position] = _UNSURE if item.id in self._lost else _DUPLICATE
            return
        reason = f"{item.status} {describe(item.error)}".strip()
        if item.status == 429 and _TOO_LARGE in reason:
            judged.verdicts[position] = None
            judged.too_large.append(position)
            judged.too_large_reason = reason
            return
        verdict = _OF_ANOTHER if conflict else self._verdict(item, reason, own=own)
        if verdict is None:
            judged.overload = reason
        if item.status >= 500:
            judged.unsure.append(position)
        judged.verdicts[position] = verdict

    def _verdict(self, item: _Item, reason: str, *, own: bool) -> SinkVerdict | None:
        if item.failure_store == "used":
            return _IN_FAILURE_STORE
        if item.result == "noop":
            return _LEFT_OUT
        if item.error is None and 200 <= item.status < 300:
            return STORED if own else _RENAMED
        match fault_of(item.status, item.error, closed_passes=self._closed_passes):
            case Fault.DOCUMENT:
                return SinkVerdict(Verdict.REJECTED, reason)
            case Fault.CLUSTER:
                return SinkVerdict(Verdict.RETRY, reason)
            case Fault.OVERLOAD:
                return None


def _type_of(error: Cause | str | None) -> str | None:
    return error.type if isinstance(error, Cause) else None
