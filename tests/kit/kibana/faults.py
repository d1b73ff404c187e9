"""Kinds of faults: a way to alter our own file, and a part of the finding that tells it."""

from __future__ import annotations

from collections.abc import Callable

from .breaking import File
from .lint import findings

__all__ = ["Break", "Faults"]

Break = Callable[[File], object]


class Faults(dict[str, tuple[Break, str]]):
    """The kinds by name."""

    def told_by(self, finding: str) -> Callable[[Break], Break]:
        """Register a way to break the file; a part of the linter's finding tells it."""

        def register(breaks: Break) -> Break:
            self[breaks.__name__] = breaks, finding
            return breaks

        return register

    def look_for(self, name: str) -> None:
        """Fail unless the linter finds this kind."""
        breaks, told = self[name]
        assert_found(breaks, told)


def assert_found(breaks: Break, told: str) -> None:
    """Fail unless the linter tells this of a file that was altered so."""
    file = File()
    breaks(file)
    found = findings(file.text())
    assert any(told in finding for finding in found), found
