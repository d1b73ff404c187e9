"""Index templates of the stats events, made from their Structs.

Each type has a template of its own, for its monthly indices. The mappings are strict: a document with
a field that they do not name is refused, so that no spelling mistake becomes a column. The mapping of
a number or string decides how it is searched and summed; ``_source`` keeps it as it was written.

With ``index.lifecycle.origination_date`` an index ages from its month, and not from its creation. The
date differs from month to month, so it cannot stand in a template: it is set on each index.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import inspect

from dms_events import registry
from dms_events.fields import fields_of
from dms_events.sink import dataset_of

__all__ = [
    "TEMPLATE_VERSION",
    "index_template",
    "index_templates",
    "installed_version",
    "missing_fields",
]

TEMPLATE_VERSION: Final = 2
"""Increased with every change of a template; an older template on the server is replaced."""

# Elastic's own templates are at 100 to 200.
_PRIORITY = 500
# The most characters that fit Lucene's 32766 bytes for a term; a longer value is kept, not indexed.
# Without this limit, one long string makes the server refuse the whole document.
_KEYWORD = {"type": "keyword", "ignore_above": 8191}
_TEXT = {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}
_FREE_TEXT = frozenset({"ServiceDescription"})
# Go has rounded these to float32 already, to steps of 128 s and of more than one call. Python and
# the envelope have not; the mapping `float` would round their values too.
_FULL_NUMBER = frozenset({"CallID", "Timestamp"})


def index_templates() -> dict[str, dict[str, Any]]:
    """Return the templates of all stats events, by the templates' names."""
    return {
        f"dms-{dataset_of(type_name)}": index_template(type_name)
        for type_name in registry.matching("elk_stats.*")
    }


def index_template(type_name: str) -> dict[str, Any]:
    """Return the composable index template of one type.

    Raises:
        UnknownTypeError: the registry has no such type.
        TypeError: a field has no mapping; only strings, floats, small integers and structs of them have.
    """
    dataset = dataset_of(type_name)
    properties = {
        **_properties(registry.get(type_name)),
        # Nanoseconds, because two statuses of one call may fall into one millisecond.
        "@timestamp": {"type": "date_nanos"},
        "event": {
            "properties": {
                "id": _KEYWORD,
                "dataset": _KEYWORD,
                "ingested": {"type": "date"},
            }
        },
        "dms": {
            "properties": {
                "type": _KEYWORD,
                "peer_id": _KEYWORD,
                "source_from": _KEYWORD,
                "time_from": _KEYWORD,
                "call_key": _KEYWORD,
                "extra": {"type": "flattened", "ignore_above": 8191},
            }
        },
    }
    return {
        "index_patterns": [f"dms-{dataset}-*"],
        "priority": _PRIORITY,
        "template": {
            "settings": {"index": {"number_of_shards": 1}},
            "mappings": {"dynamic": "strict", "properties": properties},
        },
        "_meta": {"dms_events": TEMPLATE_VERSION, "description": f"{type_name} of dms-events"},
    }


def installed_version(template: dict[str, Any]) -> int | None:
    """Return the version of a template on the server; None if it is not one of ours."""
    version = (template.get("_meta") or {}).get("dms_events")
    return version if isinstance(version, int) else None


def missing_fields(wanted: dict[str, Any], found: dict[str, Any]) -> dict[str, Any]:
    """Return the ``wanted`` fields that ``found`` lacks; of an object, only its missing fields."""
    missing: dict[str, Any] = {}
    for name, field in wanted.items():
        if name not in found:
            missing[name] = field
        elif inner := missing_fields(
            field.get("properties", {}), found[name].get("properties", {})
        ):
            missing[name] = {"properties": inner}
    return missing


def _properties(type_: type[msgspec.Struct]) -> dict[str, Any]:
    return {field.key: _mapping(field.key, field.type) for field in fields_of(type_)}


def _mapping(key: str, type_: inspect.Type) -> dict[str, Any]:
    match type_:
        case inspect.StrType():
            return _TEXT if key in _FREE_TEXT else _KEYWORD
        case inspect.FloatType():
            # Measures: as much as Go's float32 holds, in half the space of `double`.
            return {"type": "double" if key in _FULL_NUMBER else "float"}
        case inspect.IntType(le=int(most)) if most < 2**31:
            return {"type": "integer"}
        case inspect.StructType(cls=inner):
            return {"properties": _properties(inner)}
    raise TypeError(f"{key} has no mapping: {type_}")
