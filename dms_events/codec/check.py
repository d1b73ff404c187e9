"""Check a value before encoding. Refuses NaN, infinity, wrong types and values out of range.

There is one generated check for each Struct. msgspec writes NaN as ``null`` and does not validate the
values that it encodes, so every value is checked first. The generated function returns True for usual
values, by a few fast tests. Only if it returns False, `diagnose` walks the value and names the wrong
field.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import inspect

from ..fields import bare, fields_of, int_limits, not_none
from ..types._wire import FLOAT32_LIMIT
from .diagnose import is_writable, is_writable_time

__all__ = ["check_for", "checks"]

Check = Callable[[Any], bool]

checks: dict[type, Check] = {}
"""The checks that `check_for` has made."""

_CLASSES: dict[type[inspect.Type], type] = {
    inspect.StrType: str,
    inspect.BytesType: bytes,
    inspect.BoolType: bool,
    inspect.FloatType: float,
    inspect.IntType: int,
    inspect.DateTimeType: datetime,
}


def check_for(type_: type) -> Check:
    """Return the function that is True for values of ``type_`` which may be written as they are."""
    if type_ not in checks:
        if issubclass(type_, msgspec.Struct):
            source = _Source()
            source.visit_fields(type_, "o", "    ")
            checks[type_] = source.function()
        else:
            checks[type_] = is_writable
    return checks[type_]


class _Source:
    """The source of one check, while it grows. The tests of nested Structs are written inline.

    ``x.__class__`` and chains of ``is`` are the fastest tests in CPython.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names = 0
        self.scope: dict[str, Any] = {
            "square": FLOAT32_LIMIT**2,
            "inf": float("inf"),
            "datetime": datetime,
            "utc": UTC,
            "is_time": is_writable_time,
            "is_any": is_writable,
            "are_numbers": _are_numbers,
        }

    def function(self) -> Check:
        exec("\n".join(["def check(o):", *self.lines, "    return True"]), self.scope)
        check: Check = self.scope["check"]
        return check

    def require(self, tests: list[str], indent: str) -> None:
        if tests:
            self.lines.append(f"{indent}if not ({' and '.join(tests)}): return False")

    def name(self, value: Any = None) -> str:
        self.names += 1
        name = f"x{self.names}"
        if value is not None:
            self.scope[name] = value
        return name

    def visit_fields(self, cls: type[msgspec.Struct], v: str, indent: str) -> None:
        alike: dict[type, list[str]] = {}
        others: list[tuple[inspect.Type, str]] = []
        singles: list[str] = []
        doubles: list[str] = []
        limits: dict[tuple[int, int], list[str]] = {}
        for field in fields_of(cls):
            value = f"{v}.{field.attribute}"
            if not isinstance(field.type, inspect.StrType | inspect.BytesType | inspect.BoolType):
                name = self.name()
                self.lines.append(f"{indent}{name} = {value}")
                value = name
            if kind := _CLASSES.get(type(field.type)):
                alike.setdefault(kind, []).append(value)
            else:
                others.append((field.type, value))
            match field.type:
                case inspect.FloatType(lt=limit):
                    (doubles if limit is None else singles).append(value)
                case inspect.IntType() as integer:
                    limits.setdefault(int_limits(integer)[:2], []).append(value)
        tests = [_are_all(kind, values) for kind, values in alike.items()]
        tests += [f"({v}.tzinfo is utc or is_time({v}))" for v in alike.get(datetime, ())]
        for (low, high), values in limits.items():
            each = " and ".join(f"{low} <= {value} <= {high}" for value in values)
            # True if no value has bits beyond the limit; a negative number has such bits too.
            tests.append(f"(not ({' | '.join(values)}) >> {high.bit_length()} or {each})")
        # If any value is NaN, infinite or beyond float32, the sum fails the comparison.
        if singles:
            tests.append(f"{' + '.join(f'{value} * {value}' for value in singles)} < square")
        if doubles:
            tests.append(f"-inf < {' + '.join(doubles)} < inf")
        self.require(tests, indent)
        for type_, value in others:
            self.visit(type_, value, indent)

    def visit(self, type_: inspect.Type, v: str, indent: str) -> None:
        """Write the tests of the value that is named ``v``."""
        match bare(type_):
            case inspect.StructType(cls=cls):
                self.require([f"{v}.__class__ is {self.name(cls)}"], indent)
                self.visit_fields(cls, v, indent)
            case inspect.UnionType() as union:
                self.lines.append(f"{indent}if {v} is not None:")
                self.visit(not_none(union), v, f"{indent}    ")
            case inspect.ListType(item_type=item):
                self.require([f"{v}.__class__ is list"], indent)
                self.visit_items(item, v, indent)
            case inspect.DictType(value_type=item):
                self.require([f"{v}.__class__ is dict"], indent)
                self.visit_items(inspect.StrType(), v, indent)
                self.visit_items(item, f"{v}.values()", indent)
            case other:
                self.require([self.test(other, v)], indent)

    def visit_items(self, item: inspect.Type, values: str, indent: str) -> None:
        name = self.name()
        self.lines.append(f"{indent}for {name} in {values}:")
        self.visit(item, name, f"{indent}    ")

    def test(self, type_: inspect.Type, v: str) -> str:
        """Return an expression that is true if ``v`` may be written as this type."""
        match type_:
            case inspect.DateTimeType():
                return f"{v}.__class__ is datetime and ({v}.tzinfo is utc or is_time({v}))"
            case inspect.EnumType(cls=cls) | inspect.CustomType(cls=cls):
                return f"{v}.__class__ is {self.name(cls)}"
            case inspect.NoneType():
                return f"{v} is None"
            case inspect.AnyType():
                return f"is_any({v})"
            case inspect.IntType() as integer:
                low, high, _ = int_limits(integer)
                return f"{v}.__class__ is int and {low} <= {v} <= {high}"
            case inspect.StrType() | inspect.BytesType() | inspect.BoolType():
                return f"{v}.__class__ is {_CLASSES[type(type_)].__name__}"
        raise NotImplementedError(f"no Go slice or map of {type_}")


def _are_all(kind: type, values: list[str]) -> str:
    test = f"{' is '.join(f'{value}.__class__' for value in values)} is {kind.__name__}"
    return f"({test} or are_numbers({', '.join(values)}))" if kind is float else test


def _are_numbers(*values: Any) -> bool:
    """True if each value is a float, or an integer that a sum of squares can hold."""
    return all(
        value.__class__ is float
        or (value.__class__ is int and -FLOAT32_LIMIT < value < FLOAT32_LIMIT)
        for value in values
    )
