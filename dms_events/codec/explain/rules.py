"""The rules that one value shows, by comparing the JSON text with the value that was read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from msgspec import inspect

from ...fields import fields_of
from ..float32 import shortest
from ..go.parse import Tree
from .trace import Trace

__all__ = ["look_at", "look_at_null"]

_EMPTIED = inspect.ListType, inspect.DictType, inspect.BytesType
_NULLABLE = inspect.UnionType, inspect.AnyType, inspect.NoneType, inspect.CustomType
_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_NANOSECONDS = re.compile(r"[.,]\d{6}\d{0,2}[1-9]")
_NULL_LEAVES = {True: "left at zero", False: "left as it was"}
_LONGEST_FLOAT64 = 309
"""Digits of the largest integer that is a float64."""


def look_at_null(type_: inspect.Type, old: Any, *, is_zero: bool) -> str:
    """Return the effect of a null; empty if Go itself writes a null there."""
    if isinstance(type_, _NULLABLE):
        return "" if old is None else "nothing is left of the one before"
    if isinstance(type_, _EMPTIED):
        return "read as empty"
    return _NULL_LEAVES[is_zero]


def look_at(trace: Trace, type_: inspect.Type, tree: Tree, value: Any) -> None:
    """Note how ``tree``, which is no null, became a ``value`` of that type."""
    if look := _LOOKS.get(type(type_)):
        look(trace, type_, tree, value)


def _struct(trace: Trace, type_: Any, tree: Tree, value: Any) -> None:
    if not type_.cls.__struct_config__.omit_defaults:
        trace.note_missing(field.key for field in fields_of(type_.cls))


def _bytes(trace: Trace, type_: Any, tree: Tree, value: bytes) -> None:
    if isinstance(tree, str):
        if "\n" in tree or "\r" in tree:
            trace.note("line end in base64", "skipped")
        return
    trace.note("number array for []byte", f"read as {len(value)} bytes")
    for place, item in enumerate(tree):
        if item is None:
            trace.note("null", _NULL_LEAVES[value[place] == 0], f"[{place}]")


def _integer(trace: Trace, type_: Any, tree: Tree, value: int) -> None:
    if tree == b"-0":
        trace.note("-0 for an integer", "read as 0")


def _float(trace: Trace, type_: Any, tree: Tree, value: float) -> None:
    if value == 0.0 and re.match(rb"[-.0]*[1-9]", tree):
        trace.note("number too small for a float", "read as 0")
    elif type_.lt is not None and float(text := shortest(value)) != value:
        trace.note_go("float32", f"{value!r} is {text} where Go writes it")


def _time(trace: Trace, type_: Any, tree: Tree, value: datetime) -> None:
    if not _RFC3339.fullmatch(tree):
        trace.note("time in a form that only Go takes", f"read as {value.isoformat()}")
    if _NANOSECONDS.search(tree):
        trace.note_go("nanoseconds", "Go keeps them; here the time is rounded to microseconds")


def _multiaddr(trace: Trace, type_: Any, tree: Tree, value: Any) -> None:
    trace.note_go("multiaddr", "Go reads no multiaddr")


def _untyped(trace: Trace, type_: Any, tree: Tree, value: Any) -> None:
    todo: list[tuple[str, Tree, Any]] = [("", tree, value)]
    while todo:
        path, tree, value = todo.pop()
        inner: list[tuple[str, Tree, Any]] = []
        if type(tree) is tuple:
            for key in _repeated(tree):
                trace.note("repeated key", "the last one counts", f"{path}.{key[:100]}")
            members = dict(tree).items()
            inner = [(f"{path}.{key[:100]}", item, value[key]) for key, item in members]
        elif type(tree) is list:
            items = zip(tree, value, strict=True)
            inner = [(f"{path}[{place}]", *item) for place, item in enumerate(items)]
        elif type(tree) is bytes and _is_another(tree, value):
            trace.note("number in an any", f"read as {value!r}", path)
        todo.extend(reversed(inner))


def _is_another(number: bytes, value: float) -> bool:
    """True if an integer differs from the value of its float64."""
    digits = number.lstrip(b"-")
    return digits.isdigit() and len(digits) <= _LONGEST_FLOAT64 and int(number) != value


def _repeated(pairs: tuple[tuple[str, Tree], ...]) -> Iterator[str]:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            yield key
        seen.add(key)


_LOOKS: dict[type[inspect.Type], Callable[[Trace, Any, Tree, Any], None]] = {
    inspect.StructType: _struct,
    inspect.BytesType: _bytes,
    inspect.IntType: _integer,
    inspect.FloatType: _float,
    inspect.DateTimeType: _time,
    inspect.CustomType: _multiaddr,
    inspect.AnyType: _untyped,
}
