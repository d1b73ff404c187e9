"""Documents as lines of JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import TypeVar

import msgspec

from dms_events.errors import SinkBrokenError
from dms_events.sink import Document

__all__ = ["LINE_BYTES", "documents_in", "encoded", "lines_in", "types_in"]

T = TypeVar("T")

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
    for found in _decoded_lines(path, _decode):
        yield Document(
            id=found.id,
            type_name=found.type,
            time=found.time,
            index=found.index,
            body=bytes(found.document),
        )


def types_in(path: Path) -> Iterator[str]:
    """Yield the type name of each document of a file; raises as `documents_in`."""
    for found in _decoded_lines(path, _decode_type):
        yield found.type


def lines_in(path: Path) -> int:
    """Return the number of whole lines. Raises OSError if the file cannot be read."""
    with path.open("rb") as file:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))


def _decoded_lines(path: Path, decode: Callable[[bytes], T]) -> Iterator[T]:
    with path.open("rb") as file:
        for number in count(1):
            line = file.readline(LINE_BYTES)
            if not line.endswith(b"\n"):
                if len(line) == LINE_BYTES:
                    raise _strange(path, number, f"it is longer than {LINE_BYTES:,} bytes")
                return
            try:
                found = decode(line)
            except (msgspec.MsgspecError, RecursionError) as error:
                raise _strange(path, number, str(error)) from error
            yield found


def _strange(path: Path, number: int, reason: str) -> SinkBrokenError:
    return SinkBrokenError(f"{path}: line {number} holds no document: {reason}")
