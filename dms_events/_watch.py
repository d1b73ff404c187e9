"""A second look that is watched: which of Go's rules it applies, noted where it applies them.

The readers are those of every second look. Here each one is wrapped, so that what goes in and what
comes out of it is seen, with its place; a Struct's reader also tells how it matched a key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import msgspec
from msgspec import inspect

from ._go_kinds import Hidden, Reader, StructReader, make_reader
from ._go_values import NoDatetimeError
from ._json_tree import Replaced, Tree
from ._notable import look_at, look_at_null
from .fields import bare, described, fields_of, holds, not_none

__all__ = ["ONE_COUNTS", "Note", "Watch"]

ONE_COUNTS = "the last one counts"
_AGAIN: dict[type[inspect.Type], str] = {
    inspect.StructType: "read over the one before",
    inspect.ListType: "read over the items of the one before",
    inspect.DictType: "added to the one before",
}
_LONGEST = 101
"""Of a strange key no more is told than by an error."""


class Note(msgspec.Struct, frozen=True):
    """A rule that was applied, the place in the document, and the effect."""

    rule: str
    where: str
    effect: str


class _Place:
    """A field, an item or a Struct, and what is noted of it for as long as no other replaces it."""

    def __init__(self) -> None:
        self.below: dict[str, _Place] = {}
        self.missing: dict[str, Note] = {}
        self.go: list[Note] = []

    def walk(self) -> Iterator[_Place]:
        """This place and all below it; a document has only so many levels as its type."""
        yield self
        for place in self.below.values():
            yield from place.walk()


class Watch:
    """What is noted of one second look."""

    def __init__(self) -> None:
        self._rules: list[Note] = []
        self._top = _Place()
        self._places = [self._top]
        self._path: list[str] = []
        self._names: list[Iterator[str]] = []

    @property
    def rules(self) -> list[Note]:
        """The rules in the order of the document, what is missing in it last."""
        missing = [
            note
            for place in self._top.walk()
            for key, note in place.missing.items()
            if key not in place.below
        ]
        return [*self._rules, *missing]

    @property
    def go(self) -> list[Note]:
        """What Go makes otherwise, or cannot hold."""
        return [note for place in self._top.walk() for note in place.go]

    def note(self, rule: str, effect: str, below: str = "") -> None:
        """A rule was applied where the watch is, or ``below`` that place."""
        self._rules.append(Note(rule, self._where(below), effect))

    def note_go(self, name: str, effect: str) -> None:
        """Go makes otherwise of what is here."""
        self._places[-1].go.append(Note(name, self._where(), effect))

    def note_missing(self, keys: Iterable[str]) -> None:
        """These keys of the Struct that is here are missing, unless they were there or come later."""
        for key in keys:
            note = Note("missing key", self._where(f".{key}"), "left at zero")
            self._places[-1].missing[f".{key}"] = note

    def _replaced(self, rule: str, where: str, count: int) -> None:
        effect = "read as U+FFFD" if count == 1 else f"read as U+FFFD, with {count - 1} more"
        self._rules.append(Note(rule, where, effect))

    def enter(self, name: str, again: str) -> None:
        """Go to a field or an item; ``again`` says what becomes of it where it comes again."""
        self._path.append(name)
        places = self._places[-1].below
        if name in places and name.startswith("."):
            self.note("repeated key", again)
            if again == ONE_COUNTS:
                del places[name]
        self._places.append(places.setdefault(name, _Place()))

    def leave(self) -> None:
        """Go back from it."""
        self._path.pop()
        self._places.pop()

    def _where(self, below: str = "") -> str:
        return "".join(name[:_LONGEST] for name in (*self._path, below)).lstrip(".")

    def tools(self, type_: Any) -> tuple[Reader, bool, Replaced]:
        """What `_second_look.read` is to read a type with, to be watched."""
        minds_escapes = holds(type_, inspect.DateTimeType)
        return self.reader_of(described(type_)), minds_escapes, self._replaced

    def reader_of(self, type_: inspect.Type) -> Reader:
        """A reader as `_go_kinds.reader_of` gives, that is watched."""
        type_ = bare(type_)
        if isinstance(type_, inspect.StructType):
            return _Watched(self, _WatchedStruct(type_.cls, self), type_)
        make = self.reader_of
        if isinstance(type_, inspect.ListType | inspect.DictType):
            make = self._item_reader
        return _Watched(self, make_reader(type_, make), type_)

    def _item_reader(self, type_: inspect.Type) -> Reader:
        return _Placed(self, self.reader_of(type_), lambda: next(self._names[-1]), ONE_COUNTS)

    def read(self, reader: Reader, tree: Tree, old: Any, hidden: Hidden) -> Any:
        """Let a reader read what may have items."""
        self._names.append(_names(tree))
        try:
            return reader.read(tree, old, hidden)
        finally:
            self._names.pop()


def _names(tree: Tree) -> Iterator[str]:
    """The places of the items of an array or an object."""
    if type(tree) is list:
        return (f"[{place}]" for place in range(len(tree)))
    return (f".{key}" for key, _ in tree) if type(tree) is tuple else iter(())


class _Watched:
    """A reader of a value whose way in and out is seen."""

    def __init__(self, watch: Watch, reader: Reader, type_: inspect.Type) -> None:
        self.watch = watch
        self.reader = reader
        self.type = type_

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        try:
            value = self.watch.read(self.reader, tree, old, hidden)
        except NoDatetimeError:
            self.watch.note_go("beyond-datetime", "Go reads this time")
            raise
        if tree is not None:
            look_at(self.watch, self.type, tree, value)
        elif effect := look_at_null(self.type, old, is_zero=value == self.zero()):
            self.watch.note("null", effect)
        return value

    def zero(self) -> Any:
        return self.reader.zero()


class _Placed:
    """A reader of a field or an item, which tells the watch where it is."""

    def __init__(self, watch: Watch, reader: Reader, name: Callable[[], str], again: str) -> None:
        self.watch = watch
        self.reader = reader
        self.name = name
        self.again = again

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        self.watch.enter(self.name(), self.again)
        value = self.reader.read(tree, old, hidden)
        self.watch.leave()
        return value

    def zero(self) -> Any:
        return self.reader.zero()


class _WatchedStruct(StructReader):
    """A Struct's reader which tells how it matches names, and where its fields are."""

    def __init__(self, type_: type[msgspec.Struct], watch: Watch) -> None:
        super().__init__(type_, watch.reader_of)
        self.watch = watch
        for field in fields_of(type_):
            attribute, reader = self.fields[field.key]
            placed = _Placed(watch, reader, partial(str, f".{field.key}"), _again(field.type))
            self.fields[field.key] = attribute, placed

    def match(self, name: str) -> str:
        key = super().match(name)
        rule = "key in another case" if key else "unknown key"
        self.watch.note(rule, f"read as {key}" if key else "left out", f".{name}")
        return key


def _again(type_: inspect.Type) -> str:
    type_ = bare(type_)
    if isinstance(type_, inspect.UnionType):
        type_ = not_none(type_)
    return _AGAIN.get(type(type_), ONE_COUNTS)
