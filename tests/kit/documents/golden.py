"""What Go does with the DMS types: `tests/golden`, and when two documents are one to us."""

from __future__ import annotations

import base64
import json
import math
import re
import struct
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from dms_events import registry
from tests.kit.paths import TESTS

__all__ = [
    "GOLDEN",
    "Vector",
    "decode_vectors",
    "encode_vectors",
    "go_names",
    "same",
    "same_value",
    "type_of",
]

GOLDEN = TESTS / "golden"
_SECTIONS = {"elk": "elk_stats", "executor": "execution"}
_FRACTION = re.compile(r"(?<=:\d\d)\.(\d{1,9})(?=Z|[+-]\d\d:\d\d$)")


class Vector(NamedTuple):
    """One document: what Go makes of it is ``json``, or None where Go rejects it."""

    id: str
    go_type: str
    data: bytes
    json: str | None


def go_names() -> list[str]:
    """The 82 types, as the vectors and the oracle call them."""
    schema = json.loads((GOLDEN / "schema.json").read_text())
    return [type_["type"] for type_ in schema["types"]]


def type_of(go_type: str) -> Any:
    """The registry's type for the vectors' name of it."""
    section, _, name = go_type.partition(".")
    return registry.get(f"{_SECTIONS.get(section, section)}.{name}")


def decode_vectors() -> Iterator[Vector]:
    """Documents of all kinds, and Go's verdict."""
    for line in _lines("decode"):
        data = base64.b64decode(line.get("input_b64", "")) or line["input"].encode()
        verdict = line["json"] if line["ok"] else None
        yield Vector(f"{line['type']}/{line['case']}", line["type"], data, verdict)


def encode_vectors() -> Iterator[Vector]:
    """Documents which Go has written, and how it reads them."""
    for line in _lines("encode"):
        verdict = None if line.get("redecode_error") else line.get("redecoded") or line["json"]
        yield Vector(f"{line['type']}/{line['case']}", line["type"], line["json"].encode(), verdict)


def _lines(folder: str) -> Iterator[dict[str, Any]]:
    for path in sorted((GOLDEN / folder).iterdir()):
        with path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)


def same(one: str, other: str) -> bool:
    """Whether two documents which Go has written are one value, but for the three equivalences.

    They are: nil and empty are one, times agree within a microsecond, and numbers by their value.
    """
    todo = [(_parse(one), _parse(other))]
    while todo:
        a, b = todo.pop()
        if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
            todo.extend((a[key], b[key]) for key in a)
        elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            todo.extend(zip(a, b, strict=True))
        elif not (_is_empty(a) and _is_empty(b)) and not _same_scalar(a, b):
            return False
    return True


def same_value(one: Any, other: Any) -> bool:
    """Whether two values are one, but for microseconds and float32; at any depth."""
    todo = [(one, other)]
    while todo:
        a, b = todo.pop()
        if type(a) is not type(b) and not (isinstance(a, int | float) and not isinstance(b, str)):
            return False
        if isinstance(a, msgspec.Struct):
            todo.extend((getattr(a, f), getattr(b, f)) for f in a.__struct_fields__)
        elif isinstance(a, dict):
            if a.keys() != b.keys():
                return False
            todo.extend((a[key], b[key]) for key in a)
        elif isinstance(a, list):
            if len(a) != len(b):
                return False
            todo.extend(zip(a, b, strict=True))
        elif isinstance(a, datetime):
            close = abs(a - b) <= timedelta(microseconds=1)
            if not close or a.utcoffset() != b.utcoffset():
                return False
        elif a != b and not _same_single(a, b):
            return False
    return True


def _same_single(a: Any, b: Any) -> bool:
    try:
        return struct.unpack("<f", struct.pack("<f", a)) == struct.unpack(
            "<f", struct.pack("<f", b)
        )
    except (struct.error, OverflowError):
        return False


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_int=float)
    except RecursionError:
        return text


def _is_empty(value: Any) -> bool:
    return value is None or value in ([], {}, "")


def _same_scalar(a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str) and a != b:
        moments = _time(a), _time(b)
        if moments[0] is None or moments[1] is None:
            return False
        close = abs(moments[0] - moments[1]) <= timedelta(microseconds=1)
        return close and moments[0].utcoffset() == moments[1].utcoffset()
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=0.0)
    return type(a) is type(b) and bool(a == b)


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(_FRACTION.sub(lambda m: f".{m[1]:0<6}"[:7], text))
    except ValueError:
        return None
