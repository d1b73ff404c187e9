"""Bulk request bodies: documents encoded as ``create`` lines, and a batch split into requests."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence

import msgspec

from dms_events.sink import Document

__all__ = ["compressed", "encode", "halves", "split"]

_FRAME_BYTES = len(b'{"create":{"_index":"","_id":""}}\n\n')
_GZIP = zlib.MAX_WBITS | 16
_FASTEST = 1
_encode = msgspec.json.Encoder().encode


def encode(documents: Sequence[Document]) -> bytes:
    """Return two lines for each document: the action ``create``, and the document's body."""
    starts: dict[str, bytes] = {}
    parts: list[bytes] = []
    for document in documents:
        index = document.index
        if (start := starts.get(index)) is None:
            start = starts[index] = b'{"create":{"_index":%b,"_id":' % _encode(index)
        body = document.body
        # In JSON a line break stands only between tokens. Here it would end the document, and the
        # server would take the next line for an action.
        if b"\n" in body:
            body = body.replace(b"\n", b" ")
        parts += (start, _encode(document.id), b"}}\n", body, b"\n")
    return b"".join(parts)


def compressed(body: bytes) -> bytes:
    """Return the body as gzip."""
    packer = zlib.compressobj(_FASTEST, wbits=_GZIP)
    return packer.compress(body) + packer.flush()


def _size_of(document: Document) -> int:
    """Return about how many bytes a document takes in a request."""
    return len(document.body) + len(document.index) + len(document.id) + _FRAME_BYTES


def split(
    batch: Sequence[Document], positions: Sequence[int], most: int, most_bytes: int
) -> Iterator[Sequence[int]]:
    """Split positions of a batch, in order, into those of each request.

    A request has at most ``most`` documents and about ``most_bytes``; a larger document is alone.
    """
    start = size = 0
    for count, position in enumerate(positions):
        own = _size_of(batch[position])
        if count > start and (size + own > most_bytes or count - start >= most):
            yield positions[start:count]
            start, size = count, 0
        size += own
    if start < len(positions):
        yield positions[start:]


def halves(positions: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """Split several positions into two parts. Neither part is empty."""
    middle = len(positions) // 2
    return positions[:middle], positions[middle:]
