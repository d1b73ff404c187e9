"""The fields of a Struct as plain data: attribute, wire key, type and limits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

__all__ = [
    "UINT64_MAX",
    "Field",
    "bare",
    "described",
    "fields_of",
    "holds",
    "int_limits",
    "not_none",
    "parts_of",
]

UINT64_MAX = 2**64 - 1


class Field(NamedTuple):
    """One field: attribute, wire key, type without descriptions, True if it is required, and its unit."""

    attribute: str
    key: str
    type: inspect.Type
    required: bool
    unit: str
    """For example ``MHz``; empty if the field has no unit, or it is not known."""


@cache
def fields_of(type_: type[msgspec.Struct]) -> tuple[Field, ...]:
    """Return the fields of ``type_`` in wire order."""
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType)
    return tuple(
        Field(f.name, f.encode_name, bare(f.type), f.required, _unit_of(f.type))
        for f in info.fields
    )


@cache
def described(type_: Any) -> inspect.Type:
    """Return msgspec's description of a type of any kind."""
    return bare(inspect.type_info(type_))


def bare(type_: inspect.Type) -> inspect.Type:
    """Return ``type_`` without its descriptions."""
    while isinstance(type_, inspect.Metadata):
        type_ = type_.type
    return type_


def _unit_of(type_: inspect.Type) -> str:
    said = type_.extra_json_schema if isinstance(type_, inspect.Metadata) else None
    return str((said or {}).get("unit", ""))


def int_limits(type_: inspect.IntType) -> tuple[int, int, str]:
    """Return the least and greatest integer, and the Go type; msgspec knows no upper limit of uint64."""
    low, high = type_.ge, type_.le
    if low is None or high is None:
        return 0, UINT64_MAX, "uint64"
    return low, high, f"int{high.bit_length() + 1}"


def not_none(type_: inspect.UnionType) -> inspect.Type:
    """Return the type beside None in a union; Go has no other unions."""
    (other,) = (bare(t) for t in type_.types if not isinstance(t, inspect.NoneType))
    return other


def parts_of(type_: inspect.Type) -> Iterator[inspect.Type]:
    """Yield ``type_`` and every type inside it; no DMS type contains itself."""
    type_ = bare(type_)
    yield type_
    match type_:
        case inspect.StructType(cls=cls):
            for field in fields_of(cls):
                yield from parts_of(field.type)
        case inspect.ListType(item_type=inner) | inspect.DictType(value_type=inner):
            yield from parts_of(inner)
        case inspect.UnionType() as union:
            yield from parts_of(not_none(union))


@cache
def holds(type_: Any, *kinds: type[inspect.Type]) -> bool:
    """True if a value of ``type_`` can hold one of these kinds, at any depth."""
    return any(isinstance(part, kinds) for part in parts_of(described(type_)))
