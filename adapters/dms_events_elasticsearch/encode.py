"""Bulk request bodies: documents encoded as ``create`` lines, and batches split into a bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from dms_events.sink import Document

__all__ = ["encode", "halves", "split"]

_FRAME_BYTES = len(b'{"create":{"_index":"","_id":""}}\n\n')
_encode = msgspec.json.Encoder().encode


def encode(documents: Sequence[Document]) -> list[bytes]:
    """Return two lines for each document: the action ``create``, and the document's body."""
    lines = []
    for document in documents:
        lines.append(_encode({"create": {"_index": document.index, "_id": document.id}}))
        # In JSON a line break stands only between tokens. Here it would end the document, and the
        # server would take the next line for an action.
        lines.append(document.body.replace(b"\n", b" "))
    return lines


def split(batch: Sequence[Document], max_bytes: int) -> Iterator[Sequence[Document]]:
    """Split a batch, in order, into parts of at most about ``max_bytes``; a larger document is alone."""
    start = size = 0
    for position, document in enumerate(batch):
        own = len(document.body) + len(document.index) + len(document.id) + _FRAME_BYTES
        if size + own > max_bytes and position > start:
            yield batch[start:position]
            start, size = position, 0
        size += own
    if start < len(batch):
        yield batch[start:]


def halves(documents: Sequence[Document]) -> tuple[Sequence[Document], Sequence[Document]]:
    """Split several documents into two parts. Neither part is empty."""
    middle = len(documents) // 2
    return documents[:middle], documents[middle:]
