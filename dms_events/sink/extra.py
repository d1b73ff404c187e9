"""The keys of an event that this release does not know, as a document keeps them.

A newer producer adds them, or anybody. So the document keeps few levels of them and few bytes, which
every sink takes. A part that is nested deeper becomes text.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ..codec.go.parse import Tree
from ..codec.unknown import unknown_keys

__all__ = ["EXTRA_BYTES", "extra_of"]

EXTRA_BYTES: Final = 16_384
"""The most bytes of unknown keys and their values that a document keeps."""
_LEVELS: Final = 4
_NUMBER_LENGTH: Final = 100
"""A longer number becomes text: Elasticsearch reads no number of more than 1,000 letters."""
_LEFT_OUT: Final = "(left out)"
"""The key whose value is the number of unknown keys for which there was no room."""
_encode = msgspec.json.Encoder().encode


def extra_of(data: bytes, type_: type[msgspec.Struct]) -> msgspec.Raw | None:
    """Return the unknown keys of an event as a JSON object; None if all of its keys are known.

    Args:
        data: the event's JSON, which `codec.decode` accepts for ``type_``.
    """
    members: list[bytes] = []
    room, left_out = EXTRA_BYTES, 0
    for member in _bounded(unknown_keys(data, type_), _LEVELS):
        text = _json((member,))[1:-1]
        # A second key of this name would make a server refuse the document.
        if len(text) < room and member[0] != _LEFT_OUT:
            members.append(text)
            room -= len(text) + 1
        else:
            left_out += 1
    if left_out:
        members.append(_json(((_LEFT_OUT, b"%d" % left_out),))[1:-1])
    return msgspec.Raw(b"{%b}" % b",".join(members)) if members else None


def _bounded(tree: Tree, levels: int) -> Tree:
    """Return a tree of few levels, with keys and numbers that every sink takes."""
    kind = type(tree)
    if kind is bytes:
        return tree if len(tree) <= _NUMBER_LENGTH else tree.decode()
    if kind is not tuple and kind is not list:
        return tree
    if not levels:
        return _json(tree).decode()
    if kind is list:
        return [_bounded(item, levels - 1) for item in tree]
    members = {_without_nul(key): _bounded(item, levels - 1) for key, item in tree}
    return tuple(members.items())


def _without_nul(key: str) -> str:
    return key.replace("\0", "\N{SYMBOL FOR NULL}")


def _json(tree: Tree) -> bytes:
    """Return the JSON of a tree of any depth."""
    written: list[bytes] = []
    todo = [tree]
    while todo:
        item = todo.pop()
        if type(item) is bytes:  # a number, or the text between values
            written.append(item)
        elif type(item) is list:
            todo += reversed(_between(b"[", [[each] for each in item], b"]"))
        elif type(item) is tuple:
            members = [[_encode(key) + b":", each] for key, each in item]
            todo += reversed(_between(b"{", members, b"}"))
        else:
            written.append(_encode(item))
    return b"".join(written)


def _between(start: bytes, members: list[list[Tree]], end: bytes) -> list[Tree]:
    parts: list[Tree] = [start]
    for member in members:
        parts += (*member, b",")
    if members:
        parts.pop()
    return [*parts, end]
