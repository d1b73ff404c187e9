"""What holds for any value of any type, and for any document."""

from __future__ import annotations

import os
import random
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from dms_events import DecodeError, codec, registry
from dms_events._shape import described, parts_of
from tests.kit.golden import Vector, decode_vectors, encode_vectors, type_of
from tests.kit.mutations import mutated

from .values import values_of

SOAK = bool(os.environ.get("DMS_EVENTS_SOAK"))
DOCUMENTS = 300_000 if SOAK else 30_000
BATCH = 1_000
SIZE = 1_000_000
NAMES = registry.names()


def read(data: bytes, type_: Any) -> None:
    with suppress(DecodeError):
        codec.decode(data, type_)


@pytest.mark.parametrize("name", NAMES)
def test_every_struct_leaves_unknown_keys_to_the_second_look(name: str) -> None:
    """Else a key of another case would be ignored where its field has a default."""
    for part in parts_of(described(registry.get(name))):
        if isinstance(part, inspect.StructType):
            assert part.forbid_unknown_fields, part.cls


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=1_000 if SOAK else 15, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_is_written_is_read_as_it_was_on_the_typed_path(
    name: str, data: st.DataObject
) -> None:
    type_ = registry.get(name)
    value = data.draw(values_of(type_))
    before = codec.second_looks
    again = codec.decode(codec.encode(value), type_)
    assert again == value
    assert type(again) is type(value)
    assert codec.second_looks == before


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=300 if SOAK else 8, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_both_paths_read_the_same(name: str, data: st.DataObject) -> None:
    """A canonical document is made to take the second look by a key that nobody knows."""
    type_ = registry.get(name)
    value = data.draw(values_of(type_))
    if not isinstance(value, msgspec.Struct):
        return
    written = codec.encode(value)
    unknown = b'{"x_unknown":0' + (b"," if len(written) > 2 else b"") + written[1:]
    before = codec.second_looks
    assert codec.decode(unknown, type_) == value
    assert codec.second_looks == before + 1


def _small_vectors() -> list[Vector]:
    return [v for v in (*encode_vectors(), *decode_vectors()) if len(v.data) < 3_000]


def test_a_damaged_document_is_read_or_refused_and_raises_nothing_else() -> None:
    vectors = _small_vectors()
    for vector in mutated(vectors, DOCUMENTS, seed=random.randrange(2**32) if SOAK else 4):
        data = vector.data
        start = time.process_time()
        try:
            read(data, type_of(vector.go_type))
        except Exception as error:
            raise AssertionError(f"{vector.id}: {data[:500]!r}") from error
        assert time.process_time() - start < 1.0, vector.id


HOSTILE = {
    "deep arrays": b"[" * SIZE,
    "deep objects": b'{"a":' * (SIZE // 5),
    "deep and closed": b"[" * (SIZE // 2) + b"]" * (SIZE // 2),
    "a long integer": b"9" * SIZE,
    "a long fraction": b"0." + b"3" * SIZE,
    "a long exponent": b"1e" + b"9" * SIZE,
    "zeros and an exponent": b"0." + b"0" * SIZE + b"1e1000000",
    "a midpoint of many digits": b"16777217." + b"0" * SIZE + b"1",
    "a huge string": b'"' + b"a" * SIZE + b'"',
    "a huge string of wide letters": b'"' + "\U0001f680".encode() * (SIZE // 4) + b'"',
    "escapes": b'"' + b"\\ud800" * (SIZE // 6) + b'"',
    "escaped letters": b'"' + b"\\u0041" * (SIZE // 6) + b'"',
    "bad bytes": b'"' + b"\xff" * SIZE + b'"',
    "backslashes": b'"' + b"\\" * SIZE + b'"',
    "an open string": b'"' + b"a" * SIZE,
    "spaces": b" " * SIZE,
    "a long time": b'"2025-01-15T01:10:16.' + b"1" * SIZE + b'Z"',
    "almost times": b'"2025-01-15T01:10:16' * (SIZE // 20),
    "half a base64": b'"' + b"AQ=\\n" * (SIZE // 5) + b'"',
}
TARGETS = {
    "spec_config.SpecConfig": b'{"params":{"k":%s}}',
    "machine.Gpu": b'{"TOT_VRAM":%s}',
    "elk_stats.ServiceRemove": b'{"timestamp":%s}',
    "onboarding.Provisioned": b'{"CPU":%s}',
    "types.BaseDBModel": b'{"createdat":%s}',
    "network_config.MessageEnvelope": b'{"data":%s}',
    "firecracker.MMDSConfig": b'{"unknown":%s}',
    "network_config.PrivateNetworkConfig": b'{"acl":[%s]}',
    "machine.IP": b"%s",
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_document_hangs_or_uses_more_than_a_few_times_its_size(kind: str, target: str) -> None:
    type_, data = registry.get(target), TARGETS[target] % HOSTILE[kind]
    read(TARGETS[target] % b"0", type_)
    tracemalloc.start()
    try:
        start = time.process_time()
        read(data, type_)
        spent = time.process_time() - start
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert spent < 2.0
    assert peak < 12 * len(data)
