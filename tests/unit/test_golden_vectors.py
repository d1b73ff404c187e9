"""What Go's own ``encoding/json`` does with these types, case by case.

``tests/golden/encode`` and ``decode`` hold what a Go program wrote and read. Where we differ on purpose,
or not yet on purpose, ``known_differences.json`` names the class and pins its cases exactly.
"""

from __future__ import annotations

import base64
import json
import struct
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dms_events import DecodeError, codec, registry

GOLDEN = Path(__file__).parent.parent / "golden"
FILES = sorted(path.name for path in (GOLDEN / "encode").glob("*.jsonl"))


@cache
def vectors(kind: str, name: str) -> list[dict[str, Any]]:
    lines = (GOLDEN / kind / name).read_text("utf-8").rstrip("\n").split("\n")
    return [json.loads(line) for line in lines]


def type_of(vector: dict[str, Any]) -> type[msgspec.Struct]:
    section, _, name = vector["type"].partition(".")
    return registry.get(f"{'elk_stats' if section == 'elk' else section}.{name}")


def payload(vector: dict[str, Any]) -> bytes:
    encoded = vector.get("input_b64")
    return vector["input"].encode() if encoded is None else base64.b64decode(encoded)


def as_go_holds_it(value: Any) -> Any:
    """With every float as the bits of a float32; zero has one sign."""
    if isinstance(value, msgspec.Struct):
        return {key: as_go_holds_it(getattr(value, key)) for key in value.__struct_fields__}
    return struct.pack("<f", value + 0.0) if isinstance(value, float) else value


def outcome(data: bytes, type_: type[msgspec.Struct]) -> Any:
    """The value, or None where the document is rejected."""
    try:
        return as_go_holds_it(codec.decode(data, type_))
    except DecodeError:
        return None


def differences(name: str) -> set[str]:
    """The ids of the vectors in which we and Go part."""
    found = set()
    for vector in vectors("decode", name):
        type_ = type_of(vector)
        expected = outcome(vector["json"].encode(), type_) if vector["ok"] else None
        if outcome(payload(vector), type_) != expected:
            found.add(f"{vector['type']} {vector['case']}")
    return found


@cache
def known() -> dict[str, dict[str, Any]]:
    classes: dict[str, dict[str, Any]] = json.loads(
        (GOLDEN / "known_differences.json").read_text("utf-8")
    )
    return classes


@pytest.mark.parametrize("name", FILES)
def test_what_go_writes_is_read_and_written_again_with_equal_values(name: str) -> None:
    for vector in vectors("encode", name):
        type_, data = type_of(vector), vector["json"].encode()
        before = codec.second_looks
        event = codec.decode(data, type_)
        if "null" not in json.dumps(list(json.loads(data).values())):
            assert codec.second_looks == before, vector["case"]
        written = codec.encode(event)
        assert as_go_holds_it(codec.decode(written, type_)) == as_go_holds_it(event)
        assert as_floats(json.loads(written)) == as_floats(json.loads(data)), vector["case"]


def as_floats(value: Any) -> Any:
    """JSON data as Go holds it: numbers as float32, empty and null as one."""
    if isinstance(value, dict):
        return {key: as_floats(item) for key, item in value.items()}
    if isinstance(value, int | float):
        return struct.pack("<f", float(value) + 0.0)
    return value or ""


@pytest.mark.parametrize("name", FILES)
def test_we_read_and_reject_as_go_does_but_for_the_known_differences(name: str) -> None:
    section = name.removesuffix(".jsonl") + " "
    expected = {
        case
        for known_class in known().values()
        for case in known_class["cases"]
        if case.startswith(section)
    }
    assert differences(name) == expected


def test_every_class_of_differences_says_what_it_is_and_has_cases() -> None:
    assert len(known()) <= 8
    cases = [case for known_class in known().values() for case in known_class["cases"]]
    assert len(cases) == len(set(cases))
    ids = {f"{v['type']} {v['case']}" for name in FILES for v in vectors("decode", name)}
    assert set(cases) <= ids
    for known_class in known().values():
        assert known_class["what"]
        assert known_class["cases"] == sorted(known_class["cases"])
        assert known_class["cases"]


def test_the_vectors_are_all_there() -> None:
    assert len(FILES) == 10
    assert sum(len(vectors("encode", name)) for name in FILES) == 557
    assert sum(len(vectors("decode", name)) for name in FILES) == 697
