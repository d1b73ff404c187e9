"""Enums that carry what they do not know."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dms_events import registry
from dms_events.types._enums import OpenIntEnum, OpenStrEnum
from dms_events.types.execution import Executor, ExecutorType
from dms_events.types.resource import GPU, GPUVendor
from dms_events.types.telemetry import ObservabilityLevel

TYPES = [registry.get(name) for name in registry.names()]
TEXT_ENUMS = [t for t in TYPES if isinstance(t, type) and issubclass(t, OpenStrEnum)]
NUMBER_ENUMS = [t for t in TYPES if isinstance(t, type) and issubclass(t, OpenIntEnum)]


@pytest.mark.parametrize("enum", TEXT_ENUMS)
@given(text=st.text())
def test_any_text_survives_the_wire(enum: type[OpenStrEnum], text: str) -> None:
    value = msgspec.json.decode(msgspec.json.encode(text), type=enum)
    assert type(value) is enum
    assert value == text
    assert msgspec.json.encode(value) == msgspec.json.encode(text)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=enum) == value


@pytest.mark.parametrize("enum", NUMBER_ENUMS)
@given(number=st.integers(-(2**63), 2**63 - 1))
def test_any_number_of_64_bits_survives_the_wire(enum: type[OpenIntEnum], number: int) -> None:
    value = msgspec.json.decode(str(number).encode(), type=enum)
    assert type(value) is enum
    assert value == number
    assert msgspec.json.encode(value) == str(number).encode()


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_that_go_cannot_hold_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="not a valid ObservabilityLevel"):
        ObservabilityLevel(number)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(str(number).encode(), type=ObservabilityLevel)


@pytest.mark.parametrize("value", [None, 1.5, True, b"docker", ["docker"]])
def test_a_value_of_another_kind_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="not a valid"):
        ExecutorType(value)


@pytest.mark.parametrize("value", [GPUVendor("Matrox"), GPUVendor.INTEL, ObservabilityLevel(9)])
def test_a_value_is_itself_after_copying_and_pickling(value: Any) -> None:
    for again in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert type(again) is type(value)
        assert again == value
        assert hash(again) == hash(value)


def test_unknown_values_are_equal_when_they_are_the_same() -> None:
    assert GPUVendor("Matrox") == GPUVendor("Matrox") == "Matrox"
    assert GPUVendor("Matrox") != GPUVendor("3dfx")
    assert {GPUVendor("Matrox"), GPUVendor("Matrox"), "Matrox"} == {"Matrox"}
    assert ObservabilityLevel(9) == 9


def test_an_unknown_value_is_not_taken_up_into_the_enum() -> None:
    GPUVendor("Matrox")
    assert "Matrox" not in [vendor.value for vendor in GPUVendor]


def test_a_known_value_is_the_constant() -> None:
    assert msgspec.json.decode(b'"AMD/ATI"', type=GPUVendor) is GPUVendor.AMD_ATI
    assert GPUVendor("NVIDIA") is GPUVendor.NVIDIA


def test_an_unknown_value_prints_as_its_text() -> None:
    assert str(GPUVendor("Matrox")) == f"{GPUVendor('Matrox')}" == "Matrox"
    assert repr(GPUVendor("Matrox")) == "<GPUVendor.Matrox: 'Matrox'>"


def test_what_is_not_set_is_the_empty_text() -> None:
    assert Executor().executor_type == ""
    assert GPU().vendor == ""
    assert msgspec.json.encode(Executor()) == b'{"executor_type":""}'
