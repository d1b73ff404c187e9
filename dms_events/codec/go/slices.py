"""Decode slices as Go does: lists and ``[]byte``, also read over an earlier value."""

from __future__ import annotations

from typing import Any, Protocol

from .parse import Tree
from .values import WrongValueError, expected, from_base64, integer

__all__ = ["Bytes", "Hidden", "Reader", "Slice"]

Hidden = dict[int, tuple[Any, Any]]
"""For each slice by its ``id``: the slice itself (so no other object gets the id), and the hidden items.

Go keeps the items beyond the end of a slice, and a longer slice that is read over a shorter one finds
them again. For a list they are a stack, the next item on top; for bytes, their whole array.
"""


class Reader(Protocol):
    """Decodes the values of one Go kind."""

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        """Decode ``tree`` as Go does into a variable that holds ``old``; raises WrongValueError."""

    def zero(self) -> Any:
        """Return the zero value that Go has for this kind."""


class Slice:
    """A slice of anything but bytes."""

    def __init__(self, item: Reader) -> None:
        self.item = item

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        if type(tree) is not list:
            if tree is None:
                return []
            raise expected("array", tree)
        return self._read_over([] if old is None else old, tree, hidden) if tree else []

    def _read_over(self, value: list[Any], tree: list[Tree], hidden: Hidden) -> list[Any]:
        """Read each item over the item that the slice holds at its place."""
        read, place = self.item.read, 0
        _, beyond = hidden.pop(id(value), (None, []))
        try:
            for place, each in enumerate(tree):
                if place < len(value):
                    value[place] = read(each, value[place], hidden)
                else:
                    value.append(read(each, beyond.pop() if beyond else None, hidden))
        except WrongValueError as error:
            error.path.append(f"[{place}]")
            raise
        beyond.extend(reversed(value[len(tree) :]))
        del value[len(tree) :]
        if beyond:
            hidden[id(value)] = value, beyond
        return value

    def zero(self) -> list[Any]:
        return []


class Bytes:
    """Go's ``[]byte``: base64, or an array of numbers."""

    def read(self, tree: Tree, old: Any, hidden: Hidden) -> Any:
        if isinstance(tree, str):
            return from_base64(tree)
        if type(tree) is list:
            return self._read_over(old or b"", tree, hidden) if tree else b""
        if tree is None:
            return b""
        raise expected("base64 or an array", tree)

    def _read_over(self, old: bytes, tree: list[Tree], hidden: Hidden) -> bytes:
        _, whole = hidden.pop(id(old), (None, None))
        if whole is None:
            whole = bytearray(old)
        place = 0
        try:
            for place, each in enumerate(tree):
                if place == len(whole):
                    whole.append(0)
                if each is not None:
                    whole[place] = _byte(each)
        except WrongValueError as error:
            error.path.append(f"[{place}]")
            raise
        # A copy from a bytearray has an id of its own, even if it is one byte.
        value = bytes(whole[: len(tree)])
        if len(tree) < len(whole):
            hidden[id(value)] = value, whole
        return value

    def zero(self) -> bytes:
        return b""


_byte = integer(0, 255, "uint8", show=False)  # it may be part of a secret
