"""Bulk request bodies: documents encoded as ``create`` lines, and a batch split into requests."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from operator import attrgetter

import msgspec

from dms_events.sink import Document

__all__ = ["compressed", "encode", "halves", "split"]

_FRAME_BYTES = len(b'{"create":{"_index":"","_id":""}}\n\n')
_NAMES_BYTES = _FRAME_BYTES + 255 + 512
"""The most that the server allows for index and id; with more the request is invalid anyway."""
_body_of = attrgetter("body")
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


def _size_at_most(batch: Sequence[Document], positions: Sequence[int]) -> int:
    """Return a size that the request is below, from the bodies alone: most batches are one request."""
    whole = len(positions) == len(batch)
    documents = batch if whole else [batch[position] for position in positions]
    return sum(map(len, map(_body_of, documents))) + len(documents) * _NAMES_BYTES


def split(
    batch: Sequence[Document], positions: Sequence[int], most: int, most_bytes: int
) -> Iterator[Sequence[int]]:
    """Split positions of a batch, in order, into those of each request.

    A request has at most ``most`` documents and about ``most_bytes``; a larger document is alone.
    """
    if 0 < len(positions) <= most and _size_at_most(batch, positions) <= most_bytes:
        yield positions
        return
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
