"""The strict form of a document: no unknown, repeated or missing key, no null where Go writes a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import inspect

from ..fields import bare, described, fields_of, not_none
from .go.parse import Tree, parse

__all__ = ["check"]


def check(data: bytes, type_: Any, fail: Callable[[str, str], Exception]) -> None:
    """Raise ``fail(path, reason)`` if ``data`` is readable only by Go's lenient rules."""
    if wrong := _wrong(parse(data), described(type_), ""):
        raise fail(wrong[0].lstrip("."), wrong[1])


def _wrong(tree: Tree, type_: inspect.Type, path: str) -> tuple[str, str] | None:
    match bare(type_):
        case inspect.StructType() as struct:
            return _wrong_struct(tree, struct, path)
        case inspect.ListType(item_type=item) if tree is not None:
            places = ((each, f"{path}[{i}]") for i, each in enumerate(tree))
        case inspect.DictType(value_type=item) if tree is not None:
            places = ((each, f"{path}.{key}") for key, each in tree)
        case inspect.UnionType() as union if tree is not None:
            return _wrong(tree, not_none(union), path)
        case (
            inspect.StrType()
            | inspect.BoolType()
            | inspect.IntType()
            | inspect.FloatType()
            | inspect.DateTimeType()
            | inspect.EnumType()
        ) if tree is None:
            return path, "null where a value belongs"
        case _:
            return None
    return next((wrong for each, here in places if (wrong := _wrong(each, item, here))), None)


def _wrong_struct(tree: Tree, struct: inspect.StructType, path: str) -> tuple[str, str] | None:
    if tree is None:
        return path, "null where a value belongs"
    fields = {field.key: field for field in fields_of(struct.cls)}
    seen = set()
    for key, each in tree:
        here = f"{path}.{key[:100]}"
        if key not in fields:
            return here, "unknown key"
        if key in seen:
            return here, "the key comes twice"
        seen.add(key)
        if wrong := _wrong(each, fields[key].type, here):
            return wrong
    if not struct.cls.__struct_config__.omit_defaults:
        for key in fields:
            if key not in seen:
                return path, f"key {key!r} is missing"
    return None
