"""Documents as lines of JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path

import msgspec

from dms_events.errors import SinkBrokenError
from dms_events.sink import Document

__all__ = ["LINE_BYTES", "documents_in", "encoded", "lines_in", "types_in"]

LINE_BYTES = 256 << 20
"""No line is longer; a file with a longer one is no recording."""


class _Line(msgspec.Struct):
    id: str
    type: str
    time: datetime
    index: str
    document: msgspec.Raw


class _Type(msgspec.Struct):
    type: str


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode
_decode_type = msgspec.json.Decoder(_Type).decode


def encoded(batch: Sequence[Document]) -> bytes:
    """Return one line for each document."""
    return b"".join(map(_line, batch))


def _line(document: Document) -> bytes:
    # In JSON a line break stands only between tokens.
    body = document.body.replace(b"\n", b" ")
    line = _Line(document.id, document.type_name, document.time, document.index, msgspec.Raw(body))
    return _encode(line) + b"\n"


def documents_in(path: Path) -> Iterator[Document]:
    """Yield the documents of a file in the order of its lines, with a bounded part of it in memory.

    A last line without its end is left out: it was never judged stored.

    Raises:
        OSError: the file cannot be read.
        SinkBrokenError: a line is none of ours.
    """
    for number, line in _lines_in(path):
        try:
            found = _decode(line)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _strange(path, number, str(error)) from error
        yield Document(
            id=found.id,
            type_name=found.type,
            time=found.time,
            index=found.index,
            body=bytes(found.document),
        )


def types_in(path: Path) -> Iterator[str]:
    """Yield the type name of each document of a file; raises as `documents_in`."""
    for number, line in _lines_in(path):
        try:
            yield _decode_type(line).type
        except (msgspec.MsgspecError, RecursionError) as error:
            raise _strange(path, number, str(error)) from error


def lines_in(path: Path) -> int:
    """Return the number of whole lines. Raises OSError if the file cannot be read."""
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def _lines_in(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for number in count(1):
            line = file.readline(LINE_BYTES)
            if not line.endswith(b"\n"):
                if len(line) == LINE_BYTES:
                    raise _strange(path, number, f"it is longer than {LINE_BYTES:,} bytes")
                return
            yield number, line


def _strange(path: Path, number: int, reason: str) -> SinkBrokenError:
    return SinkBrokenError(f"{path}: line {number} holds no document: {reason}")
