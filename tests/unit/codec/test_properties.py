"""What holds for any value of any type."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from dms_events import codec, registry
from dms_events.fields import described, parts_of
from tests.kit.documents.values import values_of
from tests.kit.soak import sized

pytestmark = pytest.mark.soak

NAMES = registry.names()


@pytest.mark.parametrize("name", NAMES)
def test_every_struct_leaves_unknown_keys_to_the_slow_path(name: str) -> None:
    """Else a key of another case would be ignored where its field has a default."""
    for part in parts_of(described(registry.get(name))):
        if isinstance(part, inspect.StructType):
            assert part.forbid_unknown_fields, part.cls


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=sized(15, 1_000), suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_is_written_is_read_as_it_was_on_the_fast_path(name: str, data: st.DataObject) -> None:
    type_ = registry.get(name)
    value = data.draw(values_of(type_))
    before = codec.slow_path_count()
    again = codec.decode(codec.encode(value), type_)
    assert again == value
    assert type(again) is type(value)
    assert codec.slow_path_count() == before


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=sized(8, 300), suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_both_paths_read_the_same(name: str, data: st.DataObject) -> None:
    """A canonical document is made to take the slow path by a key that nobody knows."""
    type_ = registry.get(name)
    value = data.draw(values_of(type_))
    if not isinstance(value, msgspec.Struct):
        return
    written = codec.encode(value)
    unknown = b'{"x_unknown":0' + (b"," if len(written) > 2 else b"") + written[1:]
    before = codec.slow_path_count()
    assert codec.decode(unknown, type_) == value
    assert codec.slow_path_count() == before + 1
