"""The Go decoder's own readers, each in a wrapper that notes which rule it applied, and where.

A wrapper sees the JSON that a reader gets and the value that it returns, with their place. Only a
Struct's reader is a subclass, because it also tells how it matched a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
from msgspec import inspect

from ...fields import bare, described, fields_of, holds, not_none
from ..go.decode import Hidden, Reader, StructReader, make_reader
from ..go.parse import Replaced, Tree
from ..go.values import NoDatetimeError
from .rules import look_at, look_at_null
from .trace import ONE_COUNTS, Trace

__all__ = ["TracedReaders"]

_AGAIN: dict[type[inspect.Type], str] = {
    inspect.StructType: "read over the one before",
    inspect.ListType: "read over the items of the one before",
    inspect.DictType: "added to the one before",
}


class TracedReaders:
    """Makes readers that note in a trace what they do."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._names: list[Iterator[str]] = []

    def tools(self, type_: Any) -> tuple[Reader, bool, Replaced]:
        """Return the tools that make `codec.go.decode.read` trace the reading of a type."""
        minds_escapes = holds(type_, inspect.DateTimeType)
        return self.reader_of(described(type_)), minds_escapes, self.trace.replaced

    def reader_of(self, type_: inspect.Type) -> Reader:
        """Return a traced reader, like that of `codec.go.decode.reader_of`."""
        type_ = bare(type_)
        if isinstance(type_, inspect.StructType):
            return _Traced(self, _TracedStruct(type_.cls, self), type_)
        make = self.reader_of
        if isinstance(type_, inspect.ListType | inspect.DictType):
            make = self._item_reader
        return _Traced(self, make_reader(type_, make), type_)

    def _item_reader(self, type_: inspect.Type) -> Reader:
        return _TracedPlace(
            self.trace, self.reader_of(type_), lambda: next(self._names[-1]), ONE_COUNTS
        )

    def read(self, reader: Reader, tree: Tree, old: Any, hidden: Hidden) -> Any:
        """Let a reader read a value that may have items."""
        self._names.append(_names(tree))
        try:
            return reader.read(tree, old, hidden)
        finally:
            self._names.pop()


def _names(tree: Tree) -> Iterator[str]:
    """Yield the places of the items of an array or an object."""
    if type(tree) is list:
        return (f"[{place}]" for place in range(len(tree)))
    return (f".{key}" for key, _ in tree) if type(tree) is tuple else iter(())


class _Traced:
    """A reader of a value that traces its input and its result."""

    def __init__(self, readers: TracedReaders, reader: Reader, type_: inspect.Type) -> None:
        self._readers = readers
        self._trace = readers.trace
        self.reader = reader
        self.type = type_

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        try:
            value = self._readers.read(self.reader, tree, old, hidden)
        except NoDatetimeError:
            self._trace.note_go("beyond-datetime", "Go reads this time")
            raise
        if tree is not None:
            look_at(self._trace, self.type, tree, value)
        elif effect := look_at_null(self.type, old, is_zero=value == self.zero()):
            self._trace.note("null", effect)
        return value

    def zero(self) -> Any:
        return self.reader.zero()


class _TracedPlace:
    """A reader of a field or an item that tells the trace its place."""

    def __init__(self, trace: Trace, reader: Reader, name: Callable[[], str], again: str) -> None:
        self._trace = trace
        self.reader = reader
        self.name = name
        self.again = again

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        self._trace.enter(self.name(), self.again)
        value = self.reader.read(tree, old, hidden)
        self._trace.leave()
        return value

    def zero(self) -> Any:
        return self.reader.zero()


class _TracedStruct(StructReader):
    """A Struct's reader that tells the trace how it matches names, and the places of its fields."""

    def __init__(self, type_: type[msgspec.Struct], readers: TracedReaders) -> None:
        super().__init__(type_, readers.reader_of)
        self._trace = readers.trace
        for field in fields_of(type_):
            attribute, reader = self.fields[field.key]
            placed = _TracedPlace(
                self._trace, reader, partial(str, f".{field.key}"), _again(field.type)
            )
            self.fields[field.key] = attribute, placed

    def match(self, name: str) -> str:
        key = super().match(name)
        rule = "key in another case" if key else "unknown key"
        self._trace.note(rule, f"read as {key}" if key else "left out", f".{name}")
        return key


def _again(type_: inspect.Type) -> str:
    type_ = bare(type_)
    if isinstance(type_, inspect.UnionType):
        type_ = not_none(type_)
    return _AGAIN.get(type(type_), ONE_COUNTS)
