"""Strict writing: one generated check for each Struct.

msgspec writes NaN as ``null`` and does not validate what it encodes, so every value is looked at
before it leaves. The generated function answers yes for the values that nearly everybody sends in one
expression; only where it does not, `explain` walks the fields and names the one that is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import inspect

from ._shape import fields_of
from .types._wire import FLOAT32_LIMIT

__all__ = ["check_for", "explain"]

Check = Callable[[Any], bool]

_checks: dict[type, Check] = {}


def check_for(type_: type[msgspec.Struct]) -> Check:
    """The function that is True for values of ``type_`` which may be written as they are."""
    try:
        return _checks[type_]
    except KeyError:
        check = _checks[type_] = _generate(type_)
        return check


def _generate(type_: type[msgspec.Struct]) -> Check:
    scope: dict[str, Any] = {"limit": FLOAT32_LIMIT**2}
    reads: list[str] = []
    tests: list[str] = []
    squares: list[str] = []
    for n, field in enumerate(fields_of(type_)):
        reads.append(f"v{n} = o.{field.attribute}")
        match field.type:
            case inspect.StrType():
                tests.append(f"type(v{n}) is str")
            case inspect.BytesType():
                tests.append(f"type(v{n}) is bytes")
            case inspect.FloatType():
                tests.append(f"type(v{n}) is float")
                squares.append(f"v{n} * v{n}")
            case inspect.IntType(ge=low, le=high):
                tests.append(f"type(v{n}) is int and {low} <= v{n} <= {high}")
            case inspect.StructType(cls=nested):
                scope[f"t{n}"], scope[f"c{n}"] = nested, check_for(nested)
                tests.append(f"type(v{n}) is t{n} and c{n}(v{n})")
            case other:
                raise NotImplementedError(f"{type_.__qualname__}.{field.attribute}: {other}")
    if squares:
        # NaN, infinity and float32 overflow of any of them make the sum fail the comparison.
        tests.append(f"{' + '.join(squares)} < limit")
    body = "\n    ".join([*reads, f"return {' and '.join(tests) or 'True'}"])
    exec(f"def check(o):\n    {body}", scope)
    check: Check = scope["check"]
    return check


def explain(value: Any, type_: type[msgspec.Struct], path: str = "") -> tuple[str, str] | None:
    """Where ``value`` is wrong as a ``type_``, and why; None where it may be written.

    An int in a float field and a subclass of the field's type are right, though not on the fast path.
    """
    if not isinstance(value, type_):
        return path, f"expected {type_.__name__}, got {type(value).__name__}"
    for field in fields_of(type_):
        here = f"{path}.{field.attribute}" if path else field.attribute
        item = getattr(value, field.attribute)
        match field.type:
            case inspect.StructType(cls=nested):
                if wrong := explain(item, nested, here):
                    return wrong
            case leaf:
                if reason := _wrong_leaf(item, leaf):
                    return here, reason
    return None


def _wrong_leaf(item: Any, leaf: inspect.Type) -> str | None:
    match leaf:
        case inspect.StrType():
            if not isinstance(item, str):
                return f"expected str, got {type(item).__name__}"
            try:
                item.encode()
            except UnicodeEncodeError:
                return "has a lone surrogate, which UTF-8 cannot carry"
        case inspect.BytesType():
            if not isinstance(item, bytes):
                return f"expected bytes, got {type(item).__name__}"
        case inspect.FloatType():
            if isinstance(item, bool) or not isinstance(item, (int, float)):
                return f"expected float, got {type(item).__name__}"
            if not -FLOAT32_LIMIT < item < FLOAT32_LIMIT:
                if isinstance(item, float) and math.isnan(item):
                    return "is NaN, which JSON cannot carry"
                return f"{_shown(item)} is out of float32's range"
        case inspect.IntType(ge=low, le=high):
            if isinstance(item, bool) or not isinstance(item, int):
                return f"expected int, got {type(item).__name__}"
            if (low is not None and item < low) or (high is not None and item > high):
                return f"{_shown(item)} is out of range {low}..{high}"
    return None


def _shown(number: float) -> str:
    """A number as text; Python refuses that to integers of thousands of digits."""
    if isinstance(number, int) and number.bit_length() > 256:
        return f"an integer of {number.bit_length()} bits"
    return repr(number)
