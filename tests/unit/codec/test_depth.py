"""A document is nested as deep as Go takes and no deeper, whatever the Python that reads it takes."""

from __future__ import annotations

import pytest

from dms_events import DecodeError, codec, registry
from dms_events.codec.depth import DEPTH_LIMIT, may_be_too_deep

ARRAYS, OBJECTS = (b"[", b"", b"]"), (b'{"a":', b"1", b"}")
PLACES = [
    ("machine.IP", b"%s", 0),
    ("spec_config.SpecConfig", b'{"type":"x","params":{"k":%s}}', 2),  # an any
    ("elk_stats.ServiceRemove", b'{"unknown":%s}', 1),
]


def nested(depth: int, marks: tuple[bytes, bytes, bytes] = ARRAYS) -> bytes:
    open_, inside, close = marks
    return open_ * depth + inside + close * depth


@pytest.mark.parametrize(("name", "around", "levels"), PLACES)
def test_gos_limit_is_the_limit(name: str, around: bytes, levels: int) -> None:
    type_ = registry.get(name)
    codec.decode(around % nested(DEPTH_LIMIT - levels), type_)
    for more in (1, 10, 50_000):
        with pytest.raises(DecodeError, match="nested deeper than 10000"):
            codec.decode(around % nested(DEPTH_LIMIT - levels + more), type_)
        with pytest.raises(DecodeError, match="nested deeper than 10000"):
            codec.decode(around % nested(DEPTH_LIMIT - levels + more), type_, strict=True)


@pytest.mark.parametrize("marks", [ARRAYS, OBJECTS, (b'{"a]}":[', rb'"[\"]\\"', b"]}")])
def test_what_is_too_deep_is_seen_without_reading_it(marks: tuple[bytes, bytes, bytes]) -> None:
    each = marks[0].count(b"[") + (marks[0][:1] == b"{")
    assert may_be_too_deep(nested(DEPTH_LIMIT // each + 1, marks))
    assert may_be_too_deep(nested(DEPTH_LIMIT // each + 1, marks)[:-5])
    assert not may_be_too_deep(b"[%s]" % b",".join([nested(DEPTH_LIMIT // each - 3, marks)] * 3))


@pytest.mark.parametrize(
    "item", [b"[]", b'{"a":[{}]}', b'["["]', rb'["[\"[", "\\"]', b'{"[[":"{{"}'], ids=bytes.decode
)
def test_many_that_are_beside_each_other_are_not_deep(item: bytes) -> None:
    assert not may_be_too_deep(b"[%s]" % b",".join([item] * 20_000))
