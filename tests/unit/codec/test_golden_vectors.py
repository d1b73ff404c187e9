"""What Go accepted, rejected and wrote, vector by vector, for all 82 types."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable

import msgspec
import pytest

from dms_events import DecodeError, EncodeError, codec
from tests.kit.documents.golden import (
    GOLDEN,
    Vector,
    decode_vectors,
    encode_vectors,
    go_names,
    same_value,
    type_of,
)

DEVIATIONS = json.loads((GOLDEN / "deviations.json").read_text())
NO_MICROSECOND = b"9999-12-31T23:59:59.999999999Z"
"""The one time that msgspec refuses: rounded it would be beyond Python's last year."""


def by_type(vectors: Iterable[Vector]) -> dict[str, list[Vector]]:
    found = defaultdict(list)
    for vector in vectors:
        found[vector.go_type].append(vector)
    return found


DECODE = by_type(decode_vectors())
ENCODE = by_type(encode_vectors())


def agrees(vector: Vector) -> bool:
    """Whether we make of a document what Go made of it."""
    type_ = type_of(vector.go_type)
    try:
        value = codec.decode(vector.data, type_)
    except DecodeError:
        return vector.json is None
    return vector.json is not None and same_value(value, codec.decode(vector.json.encode(), type_))


def test_there_are_vectors_of_every_type() -> None:
    assert set(DECODE) == set(ENCODE) == set(go_names())
    assert sum(map(len, DECODE.values())) == 5_423


@pytest.mark.parametrize("go_type", go_names())
def test_documents_mean_what_they_mean_to_go(go_type: str) -> None:
    differing = {v.id for v in (*DECODE[go_type], *ENCODE[go_type]) if not agrees(v)}
    named = {
        id
        for deviation in DEVIATIONS
        for id in deviation["vectors"]
        if id.partition("/")[0] == go_type
    }
    assert differing == named


def test_the_deviations_are_few_and_say_why() -> None:
    assert len(DEVIATIONS) <= 8
    for deviation in DEVIATIONS:
        assert deviation.keys() == {"class", "go", "here", "why", "vectors"}
        assert all(deviation[key] for key in ("class", "go", "here", "why"))
    ids = [id for deviation in DEVIATIONS for id in deviation["vectors"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("go_type", go_names())
def test_canonical_documents_never_take_the_slow_path(go_type: str) -> None:
    type_ = type_of(go_type)
    for vector in ENCODE[go_type]:
        if vector.json is not None and b"null" not in vector.data:
            if NO_MICROSECOND in vector.data or b'"0000-' in vector.data:
                continue
            before = codec.slow_path_count()
            codec.decode(vector.data, type_)
            assert codec.slow_path_count() == before, vector.id


@pytest.mark.parametrize("go_type", go_names())
def test_what_is_read_and_written_again_is_read_as_the_same(go_type: str) -> None:
    type_ = type_of(go_type)
    for vector in ENCODE[go_type]:
        if vector.json is None or b'"0000-' in vector.data:
            continue
        value = codec.decode(vector.data, type_)
        before = codec.slow_path_count()
        assert same_value(codec.decode(codec.encode(value), type_), value), vector.id
        assert codec.slow_path_count() == before, vector.id


def test_an_error_says_where() -> None:
    data = b'{"gpu_info":[{},{},{},{"TOT_VRAM":-1}]}'
    with pytest.raises(DecodeError) as caught:
        codec.decode(data, type_of("machine.PeerData"))
    assert str(caught.value) == "machine.PeerData: gpu_info[3].tot_vram: expected uint64, got -1"


def _refused() -> list[tuple[str, str, float]]:
    """What ``json.Marshal`` refuses and Python can hold: type, Go's path of the field, value."""
    text = (GOLDEN / "encode_errors.jsonl").read_text(encoding="utf-8")
    lines = map(json.loads, text.splitlines())
    numbers = {"NaN": math.nan, "+Inf": math.inf, "-Inf": -math.inf}
    return [(v["type"], v["path"], numbers[v["value"]]) for v in lines if v["value"] in numbers]


def _keys_by_go_name() -> dict[str, set[str]]:
    keys = defaultdict(set)
    todo = json.loads((GOLDEN / "schema.json").read_text())["types"]
    while todo:
        described = todo.pop()
        for field in described.get("fields") or ():
            keys[field["name"]].add(field["key"])
            todo.append(field["wire"])
    return keys


GO_NAMES = _keys_by_go_name()


@pytest.mark.parametrize(("go_type", "path", "number"), _refused())
def test_what_go_refuses_to_write_we_refuse_with_its_place(
    go_type: str, path: str, number: float
) -> None:
    value = codec.decode(b"null", type_of(go_type))
    holder, place = value, []
    *outer, last = path.split(".")
    for name in outer:
        # An embedded struct has no attribute of its own.
        if attribute := _attribute(holder, name):
            holder = getattr(holder, attribute)
            place.append(attribute)
    attribute = _attribute(holder, last)
    # Stats events are frozen for their users.
    msgspec.structs.force_setattr(holder, attribute, number)
    with pytest.raises(EncodeError) as caught:
        codec.encode(value)
    assert caught.value.field == ".".join([*place, attribute])


def _attribute(holder: msgspec.Struct, go_name: str) -> str:
    fields = msgspec.structs.fields(holder)
    return next((f.name for f in fields if f.encode_name in GO_NAMES[go_name]), "")
