"""The trace of one decoding: the rules of Go that were applied, and their places in the document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

__all__ = ["ONE_COUNTS", "Note", "Trace"]

ONE_COUNTS = "the last one counts"
_LONGEST = 101
"""Most characters shown of an unknown key, with its dot; the same as in an error."""


class Note(msgspec.Struct, frozen=True):
    """A rule that was applied, the place in the document, and the effect."""

    rule: str
    where: str
    effect: str


class _Place:
    """A field, an item or a Struct, with its notes; a later copy of the place can replace it."""

    def __init__(self) -> None:
        self.below: dict[str, _Place] = {}
        self.missing: dict[str, Note] = {}
        self.go: list[Note] = []

    def walk(self) -> Iterator[_Place]:
        """Yield this place and all places below it; a document has no more levels than its type."""
        yield self
        for place in self.below.values():
            yield from place.walk()


class Trace:
    """The notes about the decoding of one document."""

    def __init__(self) -> None:
        self._rules: list[Note] = []
        self._top = _Place()
        self._places = [self._top]
        self._path: list[str] = []

    @property
    def rules(self) -> list[Note]:
        """The rules in the order of the document; missing keys come last."""
        missing = [
            note
            for place in self._top.walk()
            for key, note in place.missing.items()
            if key not in place.below
        ]
        return [*self._rules, *missing]

    @property
    def go(self) -> list[Note]:
        """The values that Go reads differently, or cannot hold."""
        return [note for place in self._top.walk() for note in place.go]

    def note(self, rule: str, effect: str, below: str = "") -> None:
        """Note a rule that was applied at the present place, or ``below`` it."""
        self._rules.append(Note(rule, self._where(below), effect))

    def note_go(self, name: str, effect: str) -> None:
        """Note that Go reads the value at the present place differently."""
        self._places[-1].go.append(Note(name, self._where(), effect))

    def note_missing(self, keys: Iterable[str]) -> None:
        """Note missing keys of the Struct at this place. A key in another copy of it is not missing."""
        for key in keys:
            note = Note("missing key", self._where(f".{key}"), "left at zero")
            self._places[-1].missing[f".{key}"] = note

    def replaced(self, rule: str, where: str, count: int) -> None:
        """Note that ``count`` pieces of text were read as U+FFFD, the first of them at ``where``."""
        effect = "read as U+FFFD" if count == 1 else f"read as U+FFFD, with {count - 1} more"
        self._rules.append(Note(rule, where, effect))

    def enter(self, name: str, again: str) -> None:
        """Enter a field or an item; ``again`` is the effect if its key is repeated."""
        self._path.append(name)
        places = self._places[-1].below
        if name in places and name.startswith("."):
            self.note("repeated key", again)
            if again == ONE_COUNTS:
                del places[name]
        self._places.append(places.setdefault(name, _Place()))

    def leave(self) -> None:
        """Leave the field or the item."""
        self._path.pop()
        self._places.pop()

    def _where(self, below: str = "") -> str:
        return "".join(name[:_LONGEST] for name in (*self._path, below)).lstrip(".")
