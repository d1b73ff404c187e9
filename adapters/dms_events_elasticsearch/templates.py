"""Index templates of the stats events, made from their Structs.

Each type has a template of its own, for its monthly indices. The mappings are strict: a document with
a field that they do not name is refused, so that no spelling mistake becomes a column.

With ``index.lifecycle.origination_date`` an index ages from its month, and not from its creation. The
date differs from month to month, so it cannot stand in a template: it is set on each index.
"""

from __future__ import annotations

from typing import Any, Final

from dms_events import registry
from dms_events.sink import dataset_of

from .mapping import COMMON, properties_of

__all__ = [
    "TEMPLATE_VERSION",
    "index_template",
    "index_templates",
    "installed_version",
    "missing_fields",
]

TEMPLATE_VERSION: Final = 3
"""Increased with every change of a template; an older template on the server is replaced."""

# Elastic's own templates are at 100 to 200.
_PRIORITY = 500


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
        TypeError: a field has no mapping, for its value belongs in no document (a private key).
    """
    dataset = dataset_of(type_name)
    return {
        "index_patterns": [f"dms-{dataset}-*"],
        "priority": _PRIORITY,
        "template": {
            "settings": {"index": {"number_of_shards": 1}},
            "mappings": {
                "dynamic": "strict",
                "properties": {**properties_of(registry.get(type_name)), **COMMON},
            },
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
