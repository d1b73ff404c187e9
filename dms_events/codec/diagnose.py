"""Diagnose a value that may not be written: which field is wrong, and why."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import IntEnum
from types import NoneType
from typing import Any

import msgspec
from msgspec import inspect

from ..fields import bare, fields_of, int_limits, not_none
from ..types._wire import FLOAT32_LIMIT, from_wire

__all__ = ["is_writable", "is_writable_time", "what_is_wrong"]

Wrong = tuple[str, str]
"""Path and reason."""

_EXACT = 2**53
_FLOAT64_LIMIT = 2**1024 - 2**970
"""Half a step above Go's MaxFloat64."""


def is_writable(value: Any) -> bool:
    """True if a value without a Struct, in Go an ``any``, may be written as it is."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return -_EXACT <= value <= _EXACT or _wrong_number(value) is None
    if kind is float:
        return math.isfinite(value)
    if kind is list:
        return all(map(is_writable, value))
    if kind is dict:
        return set(map(type, value)) <= {str} and all(map(is_writable, value.values()))
    return False


def is_writable_time(time: datetime) -> bool:
    """True if RFC 3339 can express the time: it has an offset of whole minutes."""
    offset = time.utcoffset()
    return offset is not None and offset % timedelta(minutes=1) == timedelta(0)


def what_is_wrong(value: Any) -> Wrong | None:
    """Return the path and the reason if a value is wrong; None if it may be written.

    An int in a float field or a subclass of the field's type is right, even if the generated check
    refuses it.
    """
    try:
        return next(_wrong_top(value), None)
    except RecursionError:
        return "", "is nested too deep, or contains itself"


def _wrong_top(value: Any) -> Iterator[Wrong]:
    """Yield the faults of a value. Named slices and maps do not tell their item type; Structs do."""
    if isinstance(value, IntEnum):
        return
    items: list[tuple[str, Any]] = [("", value)]
    if isinstance(value, list):
        items = [(f"[{place}]", item) for place, item in enumerate(value)]
    elif isinstance(value, dict):
        items = [(str(key), item) for key, item in value.items()]
        yield from _wrong_untyped(dict.fromkeys(value), "")
    for path, item in items:
        if isinstance(item, msgspec.Struct):
            yield from _wrong_struct(item, type(item), path)
        else:
            yield from _wrong_untyped(item, path)


def _wrong_struct(value: Any, type_: type[msgspec.Struct], path: str) -> Iterator[Wrong]:
    if not isinstance(value, type_):
        yield path, f"expected {type_.__name__}, got {type(value).__name__}"
        return
    for field in fields_of(type_):
        here = f"{path}.{field.attribute}" if path else field.attribute
        yield from _wrong(getattr(value, field.attribute), field.type, here)


def _wrong(value: Any, type_: inspect.Type, path: str) -> Iterator[Wrong]:
    match bare(type_):
        case inspect.StructType(cls=cls):
            yield from _wrong_struct(value, cls, path)
        case inspect.UnionType() as union:
            if value is not None:
                yield from _wrong(value, not_none(union), path)
        case inspect.AnyType():
            if not is_writable(value):
                yield from _wrong_untyped(value, path)
        case inspect.ListType(item_type=item) if isinstance(value, list):
            for place, each in enumerate(value):
                yield from _wrong(each, item, f"{path}[{place}]")
        case inspect.DictType(value_type=item) if isinstance(value, dict):
            for key, each in value.items():
                if reason := _wrong_string(key):
                    yield path, f"a key: {reason}"
                yield from _wrong(each, item, f"{path}.{key}" if path else str(key))
        case scalar:
            if reason := _wrong_scalar(value, scalar):
                yield path, reason


def _wrong_untyped(value: Any, path: str) -> Iterator[Wrong]:
    match value:
        case None | bool():
            return
        case list():
            yield from _wrong(value, inspect.ListType(inspect.AnyType()), path)
        case dict():
            yield from _wrong(value, inspect.DictType(inspect.StrType(), inspect.AnyType()), path)
        case int() | float():
            if reason := _wrong_number(value):
                yield path, reason
        case str():
            if reason := _wrong_string(value):
                yield path, reason
        case _:
            yield path, f"{type(value).__name__} has no place in untyped values"


_PLAIN: dict[type[inspect.Type], type] = {
    inspect.BytesType: bytes,
    inspect.BoolType: bool,
    inspect.ListType: list,
    inspect.DictType: dict,
    inspect.NoneType: NoneType,
}


def _wrong_scalar(value: Any, type_: inspect.Type) -> str | None:
    match type_:
        case inspect.StrType():
            return _wrong_string(value)
        case inspect.FloatType(lt=None):
            return _wrong_float(value, "float64", _FLOAT64_LIMIT)
        case inspect.FloatType():
            return _wrong_float(value, "float32", FLOAT32_LIMIT)
        case inspect.IntType() as integer:
            return _wrong_int(value, *int_limits(integer))
        case inspect.EnumType(cls=cls):
            if issubclass(cls, str):
                return _wrong_string(value)
            return _wrong_int(value, -(2**63), 2**63 - 1, "int64")
        case inspect.DateTimeType():
            return _wrong_time(value)
        case inspect.CustomType(cls=cls):
            return _wrong_custom(value, cls)
    return None if isinstance(value, right := _PLAIN[type(type_)]) else _expected(right, value)


def _expected(right: type, value: Any) -> str:
    return f"expected {right.__name__}, got {type(value).__name__}"


def _wrong_int(value: Any, low: int, high: int, name: str) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return _expected(int, value)
    if not low <= value <= high:
        return f"{_shown(value)} is out of {name}'s range {low}..{high}"
    return None


def _wrong_time(value: Any) -> str | None:
    if not isinstance(value, datetime):
        return _expected(datetime, value)
    if value.utcoffset() is None:
        return "is a naive datetime: it needs a tzinfo"
    return None if is_writable_time(value) else "has an offset with seconds, which RFC 3339 lacks"


def _wrong_string(value: Any) -> str | None:
    if not isinstance(value, str):
        return _expected(str, value)
    try:
        value.encode()
    except UnicodeEncodeError:
        return "has a lone surrogate, which UTF-8 cannot carry"
    return None


def _wrong_float(value: Any, name: str, limit: float) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _expected(float, value)
    if isinstance(value, float) and math.isnan(value):
        return "is NaN, which JSON cannot carry"
    if not -limit < value < limit:
        return f"{_shown(value)} is out of {name}'s range"
    return None


def _wrong_custom(value: Any, type_: type) -> str | None:
    if isinstance(value, type_):
        return None
    if isinstance(value, str) and issubclass(type_, str):
        try:
            from_wire(type_, value)
        except ValueError as error:
            return str(error)
        return None
    return _expected(type_, value)


def _wrong_number(value: float) -> str | None:
    if isinstance(value, float):
        return None if math.isfinite(value) else f"is {value}, which JSON cannot carry"
    try:
        if float(value) == value:
            return None
    except OverflowError:
        pass
    return f"{_shown(value)} is not a float64, and Go has no other number there"


def _shown(number: float) -> str:
    """Return a number as text; Python refuses to convert integers of thousands of digits."""
    if isinstance(number, int) and number.bit_length() > 256:
        return f"an integer of {number.bit_length()} bits"
    return repr(number)
