"""Parse JSON text into a tree that keeps repeated keys, number texts and escapes, which dicts lose.

An object is a tuple of its pairs, an array is a list, a number is its text as bytes; strings, true,
false and null are Python's. Syntax errors are ValueErrors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any, NoReturn

from ..depth import DEPTH_LIMIT

__all__ = ["Escaped", "Replaced", "Tree", "kind_of", "parse"]

Tree = Any
Replaced = Callable[[str, str, int], object]
"""Called for text that becomes U+FFFD, with its kind, the first place, and the number of places."""

_BAD_BYTES = dict.fromkeys(range(0xDC80, 0xDD00), "\ufffd")
_SURROGATE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_BLANK = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(
    r"(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)|true|false|null"
)
_CONTAINERS = {list, tuple}
_LITERALS = {"true": True, "false": False, "null": None}


class Escaped(str):
    """A string that was written with an escape: Go reads no time from such a string."""

    __slots__ = ()


def kind_of(tree: Tree) -> str:
    """Return the word for a value's kind in an error."""
    match tree:
        case None:
            return "null"
        case bool():
            return "bool"
        case bytes():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def parse(data: bytes, *, mark_escaped: bool = False, replaced: Replaced | None = None) -> Tree:
    """Return the tree of a document; with ``mark_escaped``, strings with escapes are `Escaped`.

    Raises:
        ValueError: ``encoding/json`` would call it a syntax error; the text names the place.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        # For each bad byte Python makes one surrogate, and Go one U+FFFD.
        text = data.decode("utf-8", "surrogateescape")
        if replaced:
            bad = sum(ord(letter) in _BAD_BYTES for letter in text)
            replaced("invalid UTF-8", f"byte {error.start}", bad)
        text = text.translate(_BAD_BYTES)
    if "\\ud" in text or "\\uD" in text:
        if replaced and (lone := [m for m in _SURROGATE.finditer(text) if m["lone"]]):
            replaced("lone surrogate", f"character {lone[0].start()}", len(lone))
        text = _SURROGATE.sub(_replace_lone, text)
    if mark_escaped and "\\" in text:
        return _parse_patiently(text)
    try:
        tree = _decode(text)
    except RecursionError:
        return _parse_patiently(text)
    # With so many containers, the nesting may be too deep for Go and still not too deep for Python.
    if text.count("[") + text.count("{") > DEPTH_LIMIT:
        _check_depth(tree)
    return tree


def _check_depth(tree: Tree) -> None:
    depth, level = 0, [tree] if type(tree) in _CONTAINERS else []
    while level:
        depth += 1
        if depth > DEPTH_LIMIT:
            raise _too_deep()
        inside = (node if type(node) is list else [item for _, item in node] for node in level)
        level = [item for items in inside for item in items if type(item) in _CONTAINERS]


def _too_deep() -> ValueError:
    return ValueError(f"nested deeper than {DEPTH_LIMIT}")


def _replace_lone(escape: re.Match[str]) -> str:
    return "\\ufffd" if escape["lone"] else escape[0]


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_decode = json.JSONDecoder(
    object_pairs_hook=tuple,
    parse_int=str.encode,
    parse_float=str.encode,
    parse_constant=_no_constant,
).decode


def _parse_patiently(text: str) -> Tree:
    """Parse without recursion; much slower."""
    scan = _Scanner(text)
    open_: list[tuple[list[Any], str | None]] = []
    while True:
        if opened := scan.skip("[") or scan.skip("{"):
            if len(open_) == DEPTH_LIMIT:
                raise _too_deep()
            if not scan.skip("]" if opened == "[" else "}"):
                open_.append(([], None if opened == "[" else scan.key()))
                continue
            value: Tree = [] if opened == "[" else ()
        else:
            value = scan.scalar()
        while open_:
            items, key = open_.pop()
            items.append(value if key is None else (key, value))
            if scan.skip(","):
                open_.append((items, None if key is None else scan.key()))
                break
            scan.expect("]" if key is None else "}")
            value = items if key is None else tuple(items)
        else:
            scan.end()
            return value


class _Scanner:
    """A place in a text, always before a token."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.to(0)

    def to(self, position: int) -> None:
        blank = _BLANK.match(self.text, position)
        assert blank is not None
        self.position = blank.end()

    def skip(self, mark: str) -> str:
        """Pass over ``mark`` and return it if it is here; else return an empty text."""
        if not self.text.startswith(mark, self.position):
            return ""
        self.to(self.position + 1)
        return mark

    def expect(self, mark: str) -> None:
        if not self.skip(mark):
            raise ValueError(f"expected {mark!r} at character {self.position}")

    def key(self) -> str:
        if not self.text.startswith('"', self.position):
            raise ValueError(f"expected a key at character {self.position}")
        key = self.scalar()
        self.expect(":")
        return str(key)

    def scalar(self) -> Tree:
        start = self.position
        if self.text.startswith('"', start):
            string, end = scanstring(self.text, start + 1, True)
            self.to(end)
            return Escaped(string) if self.text.find("\\", start, end) >= 0 else string
        found = _SCALAR.match(self.text, start)
        if found is None:
            raise ValueError(f"expected a value at character {start}")
        self.to(found.end())
        return _LITERALS[found[0]] if found["number"] is None else found[0].encode()

    def end(self) -> None:
        if self.position != len(self.text):
            raise ValueError(f"extra data at character {self.position}")
