"""The fields of a Struct as plain data, for the generated checks and the second look."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import msgspec
from msgspec import inspect

__all__ = ["Field", "fields_of"]


class Field(NamedTuple):
    """One field: attribute, wire key, and its msgspec type without descriptions."""

    attribute: str
    key: str
    type: inspect.Type


@cache
def fields_of(type_: type[msgspec.Struct]) -> tuple[Field, ...]:
    """The fields of ``type_`` in wire order."""
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType)
    return tuple(Field(f.name, f.encode_name, _bare(f.type)) for f in info.fields)


def _bare(type_: inspect.Type) -> inspect.Type:
    while isinstance(type_, inspect.Metadata):
        type_ = type_.type
    return type_
