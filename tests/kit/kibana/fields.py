"""The fields of the stored stats events as their templates map them, and the words that stand in them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec

from dms_events import registry
from dms_events.demo.fleet import fleet
from dms_events.sink import dataset_of
from dms_events_elasticsearch.mapping import COMMON, properties_of

__all__ = ["DATES", "NUMBERS", "everywhere", "mapped_types", "words_of"]

NUMBERS = frozenset({"float", "double", "integer", "long"})
DATES = frozenset({"date", "date_nanos"})
_OUTCOMES = frozenset({"success", "failure", "unknown"})
_SOURCES = frozenset({"transport", "claim", "event", "unknown"})


@cache
def mapped_types(field: str) -> frozenset[str]:
    """The types with which the templates of the stats events map a field; none if no template has it."""
    return frozenset(types[field] for types in _templates().values() if field in types)


def everywhere(field: str) -> bool:
    """True if every template has the field."""
    return all(field in types for types in _templates().values())


@cache
def words_of(field: str) -> frozenset[str]:
    """The values of a field with a small vocabulary: datasets, outcomes, sources, and statuses."""
    if field == "event.dataset":
        return frozenset(_templates())
    if field == "event.outcome":
        return _OUTCOMES
    if field == "dms.source_from":
        return _SOURCES
    return frozenset(
        document[field]
        for document in map(msgspec.to_builtins, _story())
        if isinstance(document.get(field), str)
    )


@cache
def _templates() -> dict[str, dict[str, str]]:
    """The mapped types of the fields, by dataset."""
    return {
        dataset_of(name): dict(_flat({**properties_of(registry.get(name)), **COMMON}))
        for name in registry.matching("elk_stats.*")
        if issubclass(registry.get(name), msgspec.Struct)
    }


def _flat(properties: dict[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, mapping in properties.items():
        if "properties" in mapping:
            yield from _flat(mapping["properties"], f"{before}{name}.")
        else:
            yield before + name, mapping["type"]
            yield from _flat(mapping.get("fields", {}), f"{before}{name}.")


@cache
def _story() -> tuple[msgspec.Struct, ...]:
    planned = fleet(devices=12, events=2000, seed=1, end=datetime(2026, 11, 20, tzinfo=UTC))
    return tuple(one.event for one in planned)
