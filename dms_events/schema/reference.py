"""The reference of a type, field by field: wire key, Go type, unit, meaning.

``dms-events types`` shows it, and the pages in ``docs/types`` are made from it.
"""

from __future__ import annotations

import inspect as python
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, NewType

import msgspec
from msgspec import inspect

from .. import registry
from ..errors import UnknownTypeError
from ..fields import bare, int_limits, not_none
from ..types._keys import PrivateKey
from ..types._multiaddr import Multiaddr

__all__ = ["Row", "embedded", "go_type", "is_a", "meaning", "rows"]

_GO: Final[dict[type[inspect.Type], str]] = {
    inspect.StrType: "string",
    inspect.BoolType: "bool",
    inspect.BytesType: "[]byte",
    inspect.DateTimeType: "time.Time",
    inspect.AnyType: "any",
    inspect.NoneType: "error",
}
_INTERFACES: Final = {PrivateKey: "crypto.PrivKey", Multiaddr: "multiaddr.Multiaddr"}


class Row(NamedTuple):
    """One field."""

    key: str
    """The field's key on the wire; in a nested Struct, after the Struct's key and a dot."""
    attribute: str
    go_type: str
    unit: str
    """Empty if the field has no unit, or it is not known."""
    meaning: str


def is_a(type_: Any, base: type) -> bool:
    """Return True if ``type_`` is a class and a subclass of ``base``. Some types are no classes."""
    return python.isclass(type_) and issubclass(type_, base)


def meaning(type_: Any) -> str:
    """Return the docstring of a type, and the Go type of a named list, map or string."""
    text = python.getdoc(type_) or ""
    if isinstance(type_, NewType):
        return f"{text} In Go a `{go_type(inspect.type_info(type_))}`."
    return text


def embedded(type_: type[msgspec.Struct]) -> list[str]:
    """Return the types that the Go struct embeds, in its order."""
    bases = [base for base in type_.__mro__[1:] if registry_name(base)]
    return [*map(registry_name, bases), *getattr(type_, "go_embeds", ())]


def rows(
    type_: type[msgspec.Struct],
    *,
    into: Callable[[type[msgspec.Struct]], bool] = lambda _: True,
    key: str = "",
    attribute: str = "",
) -> Iterator[Row]:
    """Yield the fields in wire order; the fields of a Struct follow it if ``into`` is True for it."""
    info = inspect.type_info(type_)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        said, extra = _said_of(field.type)
        here = f"{key}{field.encode_name}", f"{attribute}{field.name}"
        text = said.get("description", "")
        secret = "; secret" if extra.get("secret") else ""
        yield Row(*here, go_type(field.type), said.get("unit", ""), f"{text}{secret}")
        match bare(field.type):
            case inspect.StructType(cls=cls) if into(cls):
                yield from rows(cls, into=into, key=f"{here[0]}.", attribute=f"{here[1]}.")


def go_type(type_: inspect.Type) -> str:
    """Return Go's name of a type. An anonymous struct is a ``struct``; packages are our modules."""
    if name := _said_of(type_)[1].get("go"):
        return str(name)
    type_ = bare(type_)
    if name := _GO.get(type(type_)):
        return name
    match type_:
        case inspect.StructType(cls=cls):
            return registry_name(cls) or "struct"
        case inspect.EnumType(cls=cls):
            return registry_name(cls) or ("string" if issubclass(cls, str) else "int")
        case inspect.CustomType(cls=cls):
            return _INTERFACES[cls]
        case inspect.UnionType() as union:
            return go_type(not_none(union))
        case inspect.ListType(item_type=item):
            return f"[]{go_type(item)}"
        case inspect.DictType(value_type=item):
            return f"map[string]{go_type(item)}"
        case inspect.FloatType(lt=limit):
            return "float64" if limit is None else "float32"
        case inspect.IntType() as integer:
            return int_limits(integer)[2].replace("64", "")
    raise NotImplementedError(f"no Go type for {type_}")


def registry_name(type_: Any) -> str:
    """Return the registry name of a type; empty if it has none."""
    try:
        return registry.name_of(type_)
    except UnknownTypeError:
        return ""


def _said_of(type_: inspect.Type) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the data of an annotation: for the JSON Schema, and for this library."""
    if isinstance(type_, inspect.Metadata):
        return type_.extra_json_schema or {}, type_.extra or {}
    return {}, {}
