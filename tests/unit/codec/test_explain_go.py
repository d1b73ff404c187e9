"""Where Go makes something else of a document on purpose, an explanation says so, and what."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from dms_events import DecodeError, codec
from dms_events.codec.explain import Explanation, explain
from dms_events.types.deployment import DeploymentRequest
from dms_events.types.elk_stats import ServiceRemove
from dms_events.types.machine import Gpu
from dms_events.types.network_config import Libp2pConfig
from dms_events.types.types import BaseDBModel
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
CLASSES = {deviation["class"] for deviation in DEVIATIONS}
CLASS_OF = {id: deviation["class"] for deviation in DEVIATIONS for id in deviation["vectors"]}
BEYOND = "beyond-datetime"


def by_type(vectors: Iterable[Vector]) -> dict[str, list[Vector]]:
    found = defaultdict(list)
    for vector in vectors:
        found[vector.go_type].append(vector)
    return found


VECTORS = by_type((*decode_vectors(), *encode_vectors()))


def told(text: str, type_: Any = ServiceRemove) -> Explanation:
    return explain(text.encode(), type_)


def differences(text: str, type_: Any = ServiceRemove) -> list[tuple[str, str, str]]:
    return [(n.rule, n.where, n.effect) for n in told(text, type_).differences]


def decoded(data: bytes, type_: Any, *, strict: bool) -> tuple[Any, str]:
    try:
        return codec.decode(data, type_, strict=strict), ""
    except DecodeError as error:
        return None, str(error)


@pytest.mark.parametrize("go_type", go_names())
def test_explaining_agrees_with_decoding(go_type: str) -> None:
    type_ = type_of(go_type)
    for vector in VECTORS[go_type]:
        before = codec.slow_path_count()
        value, error = decoded(vector.data, type_, strict=False)
        looked_again = codec.slow_path_count() > before
        explanation = explain(vector.data, type_)
        assert bool(explanation.fast_path_says) == looked_again, vector.id
        assert str(explanation.error or "") == error, vector.id
        assert same_value(explanation.value, value), vector.id
        strict = decoded(vector.data, type_, strict=True)[1]
        assert str(explanation.strict_error or "") == strict, vector.id


@pytest.mark.parametrize("go_type", go_names())
def test_an_explanation_says_what_go_makes_of_it(go_type: str) -> None:
    type_ = type_of(go_type)
    for vector in VECTORS[go_type]:
        explanation = explain(vector.data, type_)
        classes = {n.rule for n in explanation.differences} & CLASSES
        if classes == {BEYOND}:
            # Of the hour 24 Go reads more than it can write, so the vector has no JSON.
            assert CLASS_OF.get(vector.id, BEYOND) == BEYOND
            continue
        assert classes == ({CLASS_OF[vector.id]} if vector.id in CLASS_OF else set()), vector.id
        assert bool(explanation.go_error) == (vector.json is None), vector.id
        if vector.json is not None:
            go = codec.decode(vector.json.encode(), type_)
            assert same_value(explanation.go_value, go), vector.id


@pytest.mark.parametrize("go_type", go_names())
def test_what_we_write_takes_the_fast_path_and_needs_no_rule(go_type: str) -> None:
    type_ = type_of(go_type)
    for vector in VECTORS[go_type]:
        value = explain(vector.data, type_).value
        if value is None or b"[" * 100 in vector.data:
            continue  # refused, or nested deeper than msgspec writes
        explanation = explain(codec.encode(value), type_)
        assert explanation.rules == (), vector.id
        assert (explanation.fast_path_says, explanation.strict_error) == ("", None), vector.id


@pytest.mark.parametrize(
    ("text", "type_", "difference", "go_error"),
    [
        (
            '{"tot_vram":-0}',
            Gpu,
            ("minus-zero", "tot_vram", "Go refuses it: expected uint64, got -0"),
            "tot_vram: expected uint64, got -0",
        ),
        (
            '{"CreatedAt":"2025-01-15 01:10:16Z"}',
            BaseDBModel,
            ("lenient-time", "CreatedAt", "Go refuses it: not an RFC 3339 time"),
            "CreatedAt: not an RFC 3339 time",
        ),
        (
            '{"BootstrapPeers":[null,"/ip4/127.0.0.1/tcp/4001"]}',
            Libp2pConfig,
            ("multiaddr", "BootstrapPeers[1]", "Go reads no multiaddr"),
            "BootstrapPeers[1]: Go reads no multiaddr",
        ),
        (
            '{"tot_vram":18446744073709551616,"tot_vram":1}',
            Gpu,
            (
                "repeated-key",
                "tot_vram",
                "Go refuses it: expected uint64, got 18446744073709551616",
            ),
            "tot_vram: expected uint64, got 18446744073709551616",
        ),
    ],
)
def test_what_is_read_here_and_refused_by_go_is_told(
    text: str, type_: Any, difference: tuple[str, str, str], go_error: str
) -> None:
    explanation = told(text, type_)
    assert explanation.error is None
    assert explanation.value == codec.decode(text.encode(), type_)
    assert differences(text, type_) == [difference]
    assert (explanation.go_error, explanation.go_value) == (go_error, None)


def test_a_repeated_struct_of_which_go_reads_another_value_is_told_with_it() -> None:
    text = '{"params":{"image_id":"a"},"params":{"model_url":"b"}}'
    explanation = told(text, DeploymentRequest)
    assert explanation.fast_path_says == ""
    assert explanation.value.params.image_id == ""
    assert explanation.go_value.params.image_id == "a"
    assert differences(text, DeploymentRequest) == [
        ("repeated-key", "params", "Go does so; here it replaces the one before")
    ]


def test_a_decimal_between_two_float32_is_told() -> None:
    text = '{"ServiceID":"","Timestamp":16777217.0000000001}'
    explanation = told(text)
    assert explanation.value != explanation.go_value
    assert differences(text)[0][0] == "float32-midpoint"


@pytest.mark.parametrize("time", ["0000-02-29T00:00:00Z", "2025-01-15T01:10:16+24:00"])
def test_a_time_for_which_python_has_no_datetime_is_told(time: str) -> None:
    text = f'{{"CreatedAt":"{time}"}}'
    explanation = told(text, BaseDBModel)
    assert explanation.error
    assert (explanation.go_value, explanation.go_error) == (None, "")
    assert differences(text, BaseDBModel) == [
        ("beyond-datetime", "CreatedAt", "Go reads this time")
    ]


@pytest.mark.parametrize("time", ["0000-02-30T00:00:00Z", "2025-02-29T00:00:00Z"])
def test_a_day_that_is_not_is_refused_by_go_too(time: str) -> None:
    explanation = told(f'{{"CreatedAt":"{time}"}}', BaseDBModel)
    assert isinstance(explanation.error, DecodeError)
    assert explanation.go_error.startswith("CreatedAt: the time cannot be told")
    assert explanation.differences == ()


def test_what_go_cannot_hold_and_what_python_cannot_is_told() -> None:
    assert differences('{"ServiceID":"","Timestamp":1736903500}') == [
        ("float32", "Timestamp", "1736903500.0 is 1736903600 where Go writes it")
    ]
    assert differences('{"ServiceID":"","Timestamp":0.1}') == []
    text = '{"CreatedAt":"2025-01-15T01:10:16.123456789Z"}'
    [(name, where, _)] = differences(text, BaseDBModel)
    assert (name, where) == ("nanoseconds", "CreatedAt")
    assert told(text, BaseDBModel).go_value.created_at == datetime(
        2025, 1, 15, 1, 10, 16, 123457, UTC
    )


def test_an_integer_beyond_uint64_says_why_it_left_the_fast_path() -> None:
    explanation = told('{"tot_vram":18446744073709551616}', Gpu)
    assert explanation.fast_path_says == "an integer is out of the range of uint64, or of float64"
    assert explanation.error
