"""Conditions on events: which of them a panel or a measure counts."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from dms_events import registry
from dms_events.sink import dataset_of

from .fields import DATASET, Field

__all__ = ["AllOf", "Condition", "Is", "Not", "events_of"]


class Is(msgspec.Struct, frozen=True):
    """The field has one of these values."""

    field: Field
    values: tuple[str, ...]


class Not(msgspec.Struct, frozen=True):
    """The condition does not hold."""

    condition: Is


class AllOf(msgspec.Struct, frozen=True):
    """All of the conditions hold."""

    conditions: tuple[Is | Not, ...]


Condition: TypeAlias = Is | Not | AllOf


def events_of(*types: type[msgspec.Struct]) -> Is:
    """Return the condition that an event is of one of these types."""
    return Is(DATASET, tuple(dataset_of(registry.name_of(type_)) for type_ in types))
