"""As much of KQL as the dashboards use: comparisons of a field, `and`, `or`, `not` and parentheses."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["KqlError", "comparisons"]

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[():]|[^\s():"]+)')
_WORDS = frozenset({"and", "or", "not"})


class KqlError(ValueError):
    """The text is no KQL, or more of it than the dashboards use."""


def comparisons(text: str) -> list[tuple[str, str]]:
    """The pairs of field and value that a query compares, in its order."""
    if not text.strip():
        return []
    reader = _Reader(text)
    found = list(reader.either())
    if reader.next:
        raise KqlError(f"{reader.next!r} is too much in {text!r}")
    return found


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = []
        end = 0
        while text[end:].strip():
            token = _TOKEN.match(text, end)
            if token is None:
                raise KqlError(f"a quote is left open in {text!r}")
            self._tokens.append(token[1])
            end = token.end()
        self._tokens.append("")

    @property
    def next(self) -> str:
        return self._tokens[0]

    def take(self, wanted: str = "") -> str:
        token = self._tokens[0]
        if not token or (wanted and token != wanted):
            raise KqlError(f"{wanted or 'something'} is missing in {self._text!r}")
        del self._tokens[0]
        return token

    def either(self) -> Iterator[tuple[str, str]]:
        yield from self.both()
        while self.next == "or":
            self.take()
            yield from self.both()

    def both(self) -> Iterator[tuple[str, str]]:
        yield from self.one()
        while self.next == "and":
            self.take()
            yield from self.one()

    def one(self) -> Iterator[tuple[str, str]]:
        if self.next == "not":
            self.take()
            yield from self.one()
        elif self.next == "(":
            self.take()
            yield from self.either()
            self.take(")")
        else:
            field = self.word()
            self.take(":")
            yield from ((field, value) for value in self.values())

    def values(self) -> Iterator[str]:
        if self.next != "(":
            yield self.word()
            return
        self.take()
        yield self.word()
        while self.next == "or":
            self.take()
            yield self.word()
        self.take(")")

    def word(self) -> str:
        token = self.take()
        if token in _WORDS or token in {"(", ")", ":"}:
            raise KqlError(f"{token!r} stands where a word belongs in {self._text!r}")
        return re.sub(r"\\(.)", r"\1", token[1:-1]) if token.startswith('"') else token
