"""Documents in which keys come again and again: Go reads slices, maps and structs over what was there."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import inspect

from dms_events.fields import bare, described, fields_of, not_none

from .golden import Vector, type_of

__all__ = ["repeating"]

_TIMES = '"2025-01-15T01:10:16Z"', '"2024-02-29T00:00:00+05:30"'


def repeating(go_types: Sequence[str], count: int, seed: int) -> Iterator[Vector]:
    """As many of them, the same for the same seed; each has to take the slow path."""
    dice = random.Random(seed)
    holders = [name for name in go_types if _keys(type_of(name))]
    for number in range(count):
        name = dice.choice(holders)
        text = _object(dice, type_of(name), 6)
        data = ('{"x_unknown":0,' + text[1:]).replace(",}", "}")
        yield Vector(f"{name}/again#{seed}.{number}", name, data.encode(), None)


def _keys(type_: Any) -> list[tuple[str, inspect.Type]]:
    """The fields that hold more than one value, each with its key."""
    info = described(type_)
    if not isinstance(info, inspect.StructType):
        return []
    fields = [(f.key, bare(f.type)) for f in fields_of(info.cls)]
    fields = [(k, not_none(t) if isinstance(t, inspect.UnionType) else t) for k, t in fields]
    return [(k, t) for k, t in fields if isinstance(t, _HOLDERS)]


_HOLDERS = inspect.ListType, inspect.DictType, inspect.StructType, inspect.BytesType


def _object(dice: random.Random, type_: type, most: int) -> str:
    keys = _keys(type_)
    some = dice.sample(keys, min(len(keys), 2))
    others = [(f.key, bare(f.type)) for f in fields_of(type_)]
    members = []
    for _ in range(dice.randint(0, most) if others else 0):
        key, kind = dice.choice(some if some and dice.random() < 0.8 else others)
        members.append(f'"{key}":{_value(dice, kind)}')
    return "{" + ",".join(members) + "}"


def _value(dice: random.Random, type_: inspect.Type) -> str:
    if dice.random() < 0.15:
        return "null"
    match bare(type_):
        case inspect.UnionType() as union:
            return _value(dice, not_none(union))
        case inspect.StructType(cls=cls):
            return _object(dice, cls, 4)
        case inspect.ListType(item_type=item):
            return _array([_value(dice, item) for _ in range(dice.choice((0, 1, 1, 2, 3, 4)))])
        case inspect.DictType(value_type=item):
            members = [
                f'"{dice.choice("abc")}":{_value(dice, item)}' for _ in range(dice.randint(0, 2))
            ]
            return "{" + ",".join(members) + "}"
        case inspect.BytesType():
            if dice.random() < 0.2:
                return dice.choice(('""', '"AQ=="', '"AQID"'))
            numbers = [
                "null" if dice.random() < 0.5 else str(dice.randrange(4))
                for _ in range(dice.choice((0, 1, 1, 2, 3, 4)))
            ]
            return _array(numbers)
        case inspect.StrType() | inspect.EnumType(cls=type()) as kind:
            number = isinstance(kind, inspect.EnumType) and issubclass(kind.cls, int)
            return str(dice.randrange(9)) if number else f'"{dice.choice("xyz")}"'
        case inspect.BoolType():
            return dice.choice(("true", "false"))
        case inspect.DateTimeType():
            return dice.choice(_TIMES)
        case inspect.IntType() | inspect.FloatType() | inspect.AnyType():
            return str(dice.randrange(100))
    return "null"


def _array(items: list[str]) -> str:
    return f"[{','.join(items)}]"
