"""The fields of the documents that panels ask for, by the attributes of the types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec
from msgspec import inspect

from dms_events.fields import fields_of

__all__ = ["CALL", "DATASET", "OUTCOME", "PEER", "TIME", "Field", "field_of", "fields_in"]

Kind = Literal["text", "number", "time"]


class Field(msgspec.Struct, frozen=True):
    """A field of the documents."""

    name: str
    """As in a document, with dots."""
    kind: Kind
    unit: str = ""
    """For example ``MHz``; empty if there is none, or it is not known."""


TIME: Final = Field("@timestamp", "time")
DATASET: Final = Field("event.dataset", "text")
OUTCOME: Final = Field("event.outcome", "text")
PEER: Final = Field("dms.peer_short", "text")
"""The end of the peer's id, for all ids begin alike."""
CALL: Final = Field("dms.call_key", "text")
"""Joins the events of one call; calls and payments have it."""


def field_of(type_: type[msgspec.Struct], path: str) -> Field:
    """Return the field of a type's attribute; a dot leads into a Struct inside it.

    Raises:
        LookupError: the type has no such attribute.
    """
    return dict(_fields(type_))[path]


def fields_in(type_: type[msgspec.Struct]) -> list[Field]:
    """Return all fields of a type's documents, also those of Structs inside it."""
    return [field for _, field in _fields(type_)]


def _fields(type_: type[msgspec.Struct]) -> Iterator[tuple[str, Field]]:
    """Yield the fields by the attributes that lead to them."""
    for attribute, key, found, _, unit in fields_of(type_):
        match found:
            case inspect.StructType(cls=inner):
                for path, field in _fields(inner):
                    name = f"{key}.{field.name}"
                    yield f"{attribute}.{path}", msgspec.structs.replace(field, name=name)
            case inspect.StrType():
                yield attribute, Field(key, "text", unit)
            case _:
                yield attribute, Field(key, "number", unit)
