"""The types that a sink may store: those that have fields, and no secret among them or within them."""

from __future__ import annotations

from functools import cache

import msgspec

from .. import registry
from ..types._secrets import holds_bytes, holds_secret

__all__ = ["storable_types", "why_not_storable"]


@cache
def why_not_storable(type_name: str) -> str:
    """Return why no sink may store events of a type; empty if it may.

    Raises:
        UnknownTypeError: the registry has no such type.
    """
    type_ = registry.get(type_name)
    if not (isinstance(type_, type) and issubclass(type_, msgspec.Struct)):
        return "has no fields of its own"
    if holds_secret(type_):
        return "holds a secret"
    return "holds encoded bytes, and a secret may be in them" if holds_bytes(type_) else ""


def storable_types() -> list[str]:
    """Return the names of all types that a sink may store, sorted."""
    return [name for name in registry.matching("*") if not why_not_storable(name)]
