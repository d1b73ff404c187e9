"""The fields of the documents that panels ask for, by the attributes of the types."""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import inspect

from dms_events.fields import bare, fields_of

__all__ = ["CALL", "DATASET", "OUTCOME", "PEER", "TIME", "Field", "Kind", "field_of"]

Kind = Literal["text", "number", "time"]


class Field(msgspec.Struct, frozen=True):
    """A field of the documents."""

    name: str
    """As in a document, with dots."""
    kind: Kind


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
        AttributeError: the type has no such attribute.
    """
    attribute, _, rest = path.partition(".")
    for field in fields_of(type_):
        if field.attribute == attribute:
            break
    else:
        raise AttributeError(f"{type_.__name__} has no attribute {attribute!r}")
    found = bare(field.type)
    if rest and isinstance(found, inspect.StructType):
        inner = field_of(found.cls, rest)
        return Field(f"{field.key}.{inner.name}", inner.kind)
    return Field(field.key, "text" if isinstance(found, inspect.StrType) else "number")
