"""One reader for each of Go's kinds: what ``encoding/json`` does with a tree, given what was there.

``read(tree, old, hidden)`` returns the new value. ``old`` is None where nothing was there yet, which
reads as the zero value. ``hidden`` holds what Go keeps in a slice's array beyond its length: a longer
slice read over it later finds it again.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

import msgspec
from msgspec import inspect

from ._go_values import WrongValueError, expected, float32, float64, from_base64, time, untyped
from ._json_tree import Tree
from ._shape import bare, fields_of, int_limits, not_none
from .types._wire import ZERO_TIME, fold, from_wire

__all__ = ["Hidden", "Make", "Reader", "StructReader", "make_reader", "reader_of"]

Hidden = dict[int, tuple[Any, list[Any]]]
"""Of a slice, by its ``id``: the slice itself, so that the id stays its own, and what lies beyond it."""


class Reader(Protocol):
    """Reads one kind."""

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        """The value of ``tree``, read over ``old``; raises WrongValueError."""

    def zero(self) -> Any:
        """Go's zero value."""


Make = Callable[[inspect.Type], Reader]


class _Scalar:
    """A kind of which ``null`` changes nothing."""

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
    """A kind of which ``null`` makes nothing: a pointer, an interface, ``DeletedAt``."""

    def __init__(self, inner: Reader) -> None:
        self.inner = inner

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        return None if tree is None else self.inner.read(tree, old, hidden)

    def zero(self) -> None:
        return None


class _Slice:
    def __init__(self, item: Reader) -> None:
        self.item = item

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        if type(tree) is not list:
            if tree is None:
                return []
            raise expected("array", tree)
        return read_items(tree, old, hidden, self.item) if tree else []

    def zero(self) -> list[Any]:
        return []


class _Bytes:
    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        if isinstance(tree, str):
            return from_base64(tree)
        if type(tree) is list:
            known = hidden.get(id(old))
            was = [*(old or b""), *(known[1] if known else ())]
            value = bytes(read_items(tree, was, hidden, _BYTE))
            if tree and len(tree) < len(was):
                hidden[id(value)] = value, was[len(tree) :]
            return value
        if tree is None:
            return b""
        raise expected("base64 or an array", tree)

    def zero(self) -> bytes:
        return b""


class _Map:
    def __init__(self, item: Reader) -> None:
        self.item = item

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        if type(tree) is not tuple:
            if tree is None:
                return {}
            raise expected("object", tree)
        value = dict(old or ())
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

    def match(self, name: str) -> str:
        """The key meant by a name that is none of the keys; empty where it is unknown."""
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


def read_items(tree: list[Tree], old: Any, hidden: Hidden, item: Reader) -> list[Any]:
    """The items of an array, each read over the one which its slice holds there."""
    known = hidden.get(id(old))
    was = [*(old or ()), *(known[1] if known else ())]
    value: list[Any] = []
    try:
        for place, each in enumerate(tree):
            value.append(item.read(each, was[place] if place < len(was) else None, hidden))
    except WrongValueError as error:
        error.path.append(f"[{len(value)}]")
        raise
    if len(tree) < len(was):
        hidden[id(value)] = value, was[len(tree) :]
    return value


def _integer(low: int, high: int, name: str) -> Callable[[Tree], int]:
    def take(tree: Tree) -> int:
        if type(tree) is bytes and len(tree) <= 20:
            digits = tree[1:] if low and tree[:1] == b"-" else tree
            if digits.isdigit() and low <= (value := int(tree)) <= high:
                return value
        raise expected(name, tree, show=True)

    return take


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


def _custom(type_: type) -> Callable[[Tree], Any]:
    def take(tree: Tree) -> Any:
        try:
            return from_wire(type_, str(tree) if isinstance(tree, str) else untyped(tree))
        except ValueError as error:
            reason = str(error)
        raise WrongValueError(reason)

    return take


def _enum(type_: type[Enum]) -> _Scalar:
    if issubclass(type_, int):
        number = _integer(-(2**63), 2**63 - 1, "int64")
        return _Scalar(lambda tree: type_(number(tree)), type_(0))
    return _Scalar(lambda tree: type_(_string(tree)), type_(""))


_BYTE = _Scalar(_integer(0, 255, "uint8"), 0)
_structs: dict[type, StructReader] = {}


_PLAIN: dict[type[inspect.Type], Reader] = {
    inspect.StrType: _Scalar(_string, ""),
    inspect.BoolType: _Scalar(_bool, False),
    inspect.DateTimeType: _Scalar(_time, ZERO_TIME),
    inspect.NoneType: _Nullable(_Scalar(_nothing, None)),
    inspect.AnyType: _Nullable(_Scalar(untyped, None)),
    inspect.BytesType: _Bytes(),
}


def reader_of(type_: inspect.Type) -> Reader:
    """The reader for a type, as msgspec describes it."""
    type_ = bare(type_)
    if isinstance(type_, inspect.StructType):
        if type_.cls not in _structs:
            _structs[type_.cls] = StructReader(type_.cls, reader_of)
        return _structs[type_.cls]
    return make_reader(type_, reader_of)


def make_reader(type_: inspect.Type, make: Make) -> Reader:
    """A reader for a type that is no Struct; ``make`` gives the readers of what is in it."""
    if plain := _PLAIN.get(type(type_)):
        return plain
    match type_:
        case inspect.IntType() as integer:
            return _Scalar(_integer(*int_limits(integer)), 0)
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
            return _Slice(make(item))
        case inspect.DictType(value_type=item):
            return _Map(make(item))
    raise NotImplementedError(f"no Go kind for {type_}")
