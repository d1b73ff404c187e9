"""The dead letters that `DeadLetters.find` looks for."""

from __future__ import annotations

from datetime import datetime

import msgspec

from .. import registry
from ..errors import ConfigError, UnknownTypeError
from ..identity import parse_rfc3339
from ..names import is_pattern, shortened_type
from .letter import TOKEN_BYTES, DeadLetter

__all__ = ["LetterFilter", "aware", "pattern_of"]


class LetterFilter(msgspec.Struct, frozen=True):
    """The conditions on a letter, but for its type; see `DeadLetters.find`."""

    id: str
    reader: str
    error: str
    since: datetime | None
    until: datetime | None

    def wants(self, letter: DeadLetter) -> bool:
        """True if the letter meets all conditions."""
        return (
            self.id in ("", letter.id)
            and self.reader in ("", letter.reader)
            and self.error in f"{letter.error}: {letter.reason}".casefold()
            and self._in_time(letter)
        )

    def _in_time(self, letter: DeadLetter) -> bool:
        if self.since is None and self.until is None:
            return True
        try:
            buried = parse_rfc3339(letter.buried)
        except ValueError:
            return False
        return not (
            (self.since is not None and buried < self.since)
            or (self.until is not None and buried >= self.until)
        )


def pattern_of(wanted: str) -> str:
    """Return a pattern for types. It may name a type that the registry does not know."""
    if not wanted:
        return "*"
    if not wanted.endswith("*"):
        try:
            wanted = registry.resolve(wanted)
        except UnknownTypeError:
            if "." not in wanted:
                raise
    if not is_pattern(wanted):
        raise ConfigError("type", f"{wanted!r} is none of a type, 'module.*' and '*'")
    return shortened_type(wanted, TOKEN_BYTES)


def aware(setting: str, moment: datetime | None) -> datetime | None:
    """Return the time unchanged; a time without a zone is a ConfigError."""
    if moment is not None and moment.tzinfo is None:
        raise ConfigError(setting, f"{moment.isoformat()} has no time zone; use an aware datetime")
    return moment
