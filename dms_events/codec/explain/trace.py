"""The trace of one decoding: which of Go's rules were applied, and at which place of the document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

__all__ = ["ONE_COUNTS", "Note", "Trace"]

ONE_COUNTS = "the last one counts"
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


class Trace:
    """What was noted while one document was decoded."""

    def __init__(self) -> None:
        self._rules: list[Note] = []
        self._top = _Place()
        self._places = [self._top]
        self._path: list[str] = []

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
        """A rule was applied at the present place, or ``below`` it."""
        self._rules.append(Note(rule, self._where(below), effect))

    def note_go(self, name: str, effect: str) -> None:
        """Go makes otherwise of what is here."""
        self._places[-1].go.append(Note(name, self._where(), effect))

    def note_missing(self, keys: Iterable[str]) -> None:
        """These keys of the Struct that is here are missing, unless they were there or come later."""
        for key in keys:
            note = Note("missing key", self._where(f".{key}"), "left at zero")
            self._places[-1].missing[f".{key}"] = note

    def replaced(self, rule: str, where: str, count: int) -> None:
        """``count`` pieces of text were read as U+FFFD, the first of them at ``where``."""
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
