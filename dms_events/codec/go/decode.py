"""Decode JSON as Go's ``encoding/json`` does: the slow path, for documents that the fast path refuses.

Keys match exactly first, then regardless of case. ``null`` leaves a scalar or a struct as it was and
empties all other kinds. A missing key gives Go's zero value; unknown keys are ignored. If a key is
repeated, the last scalar counts, while structs, slices and maps are read over the earlier value. One bad
value rejects the whole document.

There is one reader for each of Go's kinds. ``reader.read(tree, old, hidden)`` returns the new value.
``old`` is the value of an earlier copy of the key; None stands for the zero value. A list or a dict is
read over in place: a copy for each repetition would make the work grow with the square of the
repetitions. ``hidden`` is for slices.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect

from ...fields import bare, described, fields_of, holds, int_limits, not_none
from ...types._wire import ZERO_TIME, fold, from_wire
from .parse import Replaced, Tree, parse
from .slices import Bytes, Hidden, Reader, Slice
from .values import WrongValueError, expected, float32, float64, integer, time, untyped

__all__ = ["Hidden", "Make", "Reader", "StructReader", "make_reader", "read", "reader_of"]

Make = Callable[[inspect.Type], Reader]

Fail = Callable[[str, str], Exception]
"""Makes the error to raise from the path and the reason."""

Tools = tuple[Reader, bool, Replaced | None]
"""A reader for a type, a flag to mark escaped strings, and the callback for replaced text."""


@cache
def _tools(type_: Any) -> Tools:
    return reader_of(described(type_)), holds(type_, inspect.DateTimeType), None


def read(data: bytes, type_: Any, fail: Fail, tools: Callable[[Any], Tools] = _tools) -> Any:
    """Decode by Go's rules. Raises the error of ``fail`` if Go rejects the document.

    With other ``tools`` a caller can watch which rules are applied.
    """
    reader, mark_escaped, replaced = tools(type_)
    try:
        tree = parse(data, mark_escaped=mark_escaped, replaced=replaced)
        return reader.read(tree, None, {})
    except WrongValueError as error:
        path, reason = "".join(reversed(error.path)).lstrip("."), error.reason
    except ValueError as error:
        path, reason = "", str(error)
    raise fail(path, reason)


class _Scalar:
    """A kind whose value a ``null`` does not change."""

    def __init__(self, take: Callable[[Tree], Any], zero: Any) -> None:
        self.take = take
        self._zero = zero

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        if tree is None:
            return self._zero if old is None else old
        return self.take(tree)

    def zero(self) -> Any:
        return self._zero


class _Nullable:
    """A kind whose value becomes None by a ``null``: a pointer, an interface, ``DeletedAt``."""

    def __init__(self, inner: Reader) -> None:
        self.inner = inner

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        return None if tree is None else self.inner.read(tree, old, hidden)

    def zero(self) -> None:
        return None


class _Map:
    def __init__(self, item: Reader) -> None:
        self.item = item

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        if type(tree) is not tuple:
            if tree is None:
                return {}
            raise expected("object", tree)
        value: dict[str, Any] = {} if old is None else old
        for key, item in tree:
            try:
                value[str(key)] = self.item.read(item, None, hidden)
            except WrongValueError as error:
                error.path.append(f".{key[:100]}")
                raise
        return value

    def zero(self) -> dict[str, Any]:
        return {}


class StructReader:
    """Reads a Struct; ``make`` gives the readers of its fields."""

    def __init__(self, type_: type[msgspec.Struct], make: Make) -> None:
        self.type = type_
        self.fields: dict[str, tuple[str, Reader]] = {}
        self.required: dict[str, Reader] = {}
        for field in fields_of(type_):
            reader = make(field.type)
            self.fields[field.key] = field.attribute, reader
            if field.required:
                self.required[field.attribute] = reader
        self.folded = {fold(key): key for key in reversed(self.fields)}
        self.longest = max(map(len, self.fields), default=0)

    def match(self, name: str) -> str:
        """Return the key that a name means in another case; empty if it means none."""
        if len(name) > self.longest:
            return ""  # folding keeps the number of letters
        return self.folded.get(name.lower() if name.isascii() else fold(name), "")

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        if type(tree) is not tuple:
            if tree is None:
                return self.zero() if old is None else old
            raise expected("object", tree)
        fields, values = self.fields, {}
        if old is not None:
            values = {attribute: getattr(old, attribute) for attribute, _ in fields.values()}
        key, known, match = "", values.get, self.match
        try:
            for name, item in tree:
                key = name
                if key not in fields:
                    key = match(name)
                    if not key:
                        continue
                attribute, reader = fields[key]
                values[attribute] = reader.read(item, known(attribute), hidden)
        except WrongValueError as error:
            error.path.append(f".{key}")
            raise
        if len(values) < len(fields):
            for attribute, reader in self.required.items():
                if attribute not in values:
                    values[attribute] = reader.zero()
        return self.type(**values)

    def zero(self) -> Any:
        return self.type(**{name: reader.zero() for name, reader in self.required.items()})


def _float(name: str, read: Callable[[bytes], float]) -> Callable[[Tree], float]:
    def take(tree: Tree) -> float:
        if type(tree) is bytes:
            return read(tree)
        raise expected(name, tree)

    return take


def _string(tree: Tree) -> str:
    if type(tree) is str:
        return tree
    if isinstance(tree, str):
        return str(tree)
    raise expected("string", tree)


def _bool(tree: Tree) -> bool:
    if type(tree) is bool:
        return tree
    raise expected("bool", tree)


def _time(tree: Tree) -> Any:
    if isinstance(tree, str):
        return time(tree)
    raise expected("time", tree)


def _nothing(tree: Tree) -> None:
    raise expected("null", tree)


_LIKE: dict[type, Any] = {bytes: 0.0, list: [], tuple: {}}
"""Stand-ins for values that are no strings: an error names only their kind, not the value."""


def _custom(type_: type) -> Callable[[Tree], Any]:
    def take(tree: Tree) -> Any:
        try:
            return from_wire(
                type_, str(tree) if isinstance(tree, str) else _LIKE.get(type(tree), tree)
            )
        except ValueError as error:
            reason = str(error)
        raise WrongValueError(reason)

    return take


def _enum(type_: type[Enum]) -> _Scalar:
    if issubclass(type_, int):
        number = integer(-(2**63), 2**63 - 1, "int64")
        return _Scalar(lambda tree: type_(number(tree)), type_(0))
    return _Scalar(lambda tree: type_(_string(tree)), type_(""))


_structs: dict[type, StructReader] = {}


_PLAIN: dict[type[inspect.Type], Reader] = {
    inspect.StrType: _Scalar(_string, ""),
    inspect.BoolType: _Scalar(_bool, False),
    inspect.DateTimeType: _Scalar(_time, ZERO_TIME),
    inspect.NoneType: _Nullable(_Scalar(_nothing, None)),
    inspect.AnyType: _Nullable(_Scalar(untyped, None)),
    inspect.BytesType: Bytes(),
}


def reader_of(type_: inspect.Type) -> Reader:
    """Return the reader for a type that msgspec described."""
    type_ = bare(type_)
    if isinstance(type_, inspect.StructType):
        if type_.cls not in _structs:
            _structs[type_.cls] = StructReader(type_.cls, reader_of)
        return _structs[type_.cls]
    return make_reader(type_, reader_of)


def make_reader(type_: inspect.Type, make: Make) -> Reader:
    """Return a reader for a type that is no Struct; ``make`` gives the readers of its items."""
    if plain := _PLAIN.get(type(type_)):
        return plain
    match type_:
        case inspect.IntType() as kind:
            return _Scalar(integer(*int_limits(kind)), 0)
        case inspect.FloatType(lt=None):
            return _Scalar(_float("float64", float64), 0.0)
        case inspect.FloatType():
            return _Scalar(_float("float32", float32), 0.0)
        case inspect.EnumType(cls=cls):
            return _enum(cls)
        case inspect.CustomType(cls=cls):
            return _Nullable(_Scalar(_custom(cls), None))
        case inspect.UnionType() as union:
            return _Nullable(make(not_none(union)))
        case inspect.ListType(item_type=item):
            return Slice(make(item))
        case inspect.DictType(value_type=item):
            return _Map(make(item))
    raise NotImplementedError(f"no Go kind for {type_}")
