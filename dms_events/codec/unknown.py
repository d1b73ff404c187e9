"""The keys of a document that its type does not know. Go ignores them when it decodes, and so do we."""

from __future__ import annotations

from typing import Any

from msgspec import inspect

from ..fields import bare, described, fields_of, not_none
from .go.decode import StructReader, reader_of
from .go.parse import Tree, parse

__all__ = ["unknown_keys"]


def unknown_keys(data: bytes, type_: Any) -> Tree:
    """Return the keys that the Structs of ``type_`` do not have, with their values, in a tree of `parse`.

    An unknown key inside a known field stands in an object under the known key. A key that comes twice
    has its last value. The tree is empty if all keys are known.

    Args:
        data: a document that `decode` accepts for ``type_``.
    """
    return _unknown(parse(data), described(type_))


def _unknown(tree: Tree, type_: inspect.Type) -> Tree:
    match bare(type_):
        case inspect.StructType() as struct if type(tree) is tuple:
            return _unknown_in(tree, struct)
        case inspect.ListType(item_type=inner) if type(tree) is list:
            return [found for item in tree if (found := _unknown(item, inner))]
        case inspect.DictType(value_type=inner) if type(tree) is tuple:
            return tuple((key, found) for key, item in tree if (found := _unknown(item, inner)))
        case inspect.UnionType() as union:
            return _unknown(tree, not_none(union))
    return ()


def _unknown_in(tree: Tree, struct: inspect.StructType) -> Tree:
    types = {field.key: field.type for field in fields_of(struct.cls)}
    reader = reader_of(struct)
    assert isinstance(reader, StructReader)
    unknown: dict[str, Tree] = {}
    for key, item in tree:
        known = key if key in types else reader.match(key)
        if not known:
            unknown[key] = item
        elif found := _unknown(item, types[known]):
            unknown[known] = found
    return tuple(unknown.items())
