"""The fast path of reading: msgspec's typed decoder, for canonical documents.

msgspec does not know the limit of uint64, and reads integers in Go's ``any`` as ints. For a type that has
such fields a reader is generated around its decoder. The reader raises msgspec's error if the slow path
must read the document, or must say what is wrong with it.

msgspec does not know Go's limit for nesting either. Up to Python 3.13 msgspec's recursion ends no deeper
than that. Since 3.14 it ends with the stack, so a reader first checks the depth of long documents.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import inspect

from ..fields import UINT64_MAX, bare, described, fields_of
from ..types._wire import from_wire
from .depth import DEPTH_LIMIT, may_be_too_deep

__all__ = ["REFUSALS", "Reader", "typed_reader"]

Reader = Callable[[bytes], Any]
REFUSALS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""The errors that a reader raises for a document that is not canonical; Go may still read it."""
_LOOK = (
    [f"if len(data) > {DEPTH_LIMIT} and deep(data): raise RecursionError('nested too deep')"]
    if sys.version_info >= (3, 14)
    else []
)


def typed_reader(type_: Any) -> Reader:
    """Return a reader of canonical documents. It raises `REFUSALS` for documents that it must leave."""
    decode = msgspec.json.Decoder(type_, dec_hook=from_wire).decode
    body = _lines(described(type_), "v", 0)
    if not (body or _LOOK):
        return decode
    start = ["def read(data):", *_LOOK, "v = decode(data)", "u = 0"]
    end = [f"if u > {UINT64_MAX}: raise AgainError", "return v"]
    scope: dict[str, Any] = {
        "decode": decode,
        "settle": _settle,
        "deep": may_be_too_deep,
        "AgainError": msgspec.ValidationError,
    }
    exec("\n    ".join([*start, *body, *end]), scope)
    read: Reader = scope["read"]
    return read


def _lines(type_: inspect.Type, value: str, depth: int) -> list[str]:
    """Return statements that combine all uints of ``value`` into ``u``, and settle untyped values."""
    match bare(type_):
        case inspect.StructType(cls=cls):
            fields = [(f.type, f"{value}.{f.attribute}") for f in fields_of(cls)]
            return [line for field in fields for line in _lines(*field, depth)]
        case inspect.IntType(ge=0, le=None):
            return [f"u |= {value}"]
        case (
            inspect.ListType(item_type=inspect.AnyType())
            | inspect.DictType(value_type=inspect.AnyType())
        ):
            return [f"if settle({value}): raise AgainError"]
        case inspect.ListType(item_type=item):
            return _loop(item, value, depth)
        case inspect.DictType(value_type=item):
            return _loop(item, f"{value}.values()", depth)
    return []


def _loop(item: inspect.Type, values: str, depth: int) -> list[str]:
    body = _lines(item, f"i{depth}", depth + 1)
    return [f"for i{depth} in {values}:", *(f"    {line}" for line in body)] if body else []


def _settle(value: Any) -> bool:
    """Round each integer inside to its float64, as in Go's ``any``; True if one is beyond float64."""
    todo = [value]
    while todo:
        items = todo.pop()
        for place, item in items.items() if type(items) is dict else enumerate(items):
            if type(item) is dict or type(item) is list:
                todo.append(item)
            elif type(item) is int and not -(2**53) <= item <= 2**53:
                try:
                    if float(item) != item:
                        items[place] = float(item)
                except OverflowError:
                    return True
    return False
