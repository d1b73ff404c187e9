"""What Kibana's import does not tell of a file: most faults import with success, and show later.

A finding is a sentence that begins with the place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dms_events_kibana.ndjson import DATA_VIEW

from .lint_dashboard import dashboard_findings, links_of
from .lint_data_view import data_view_findings

__all__ = ["findings"]

# The oldest Kibana to serve takes these and no newer ones.
_CORE_VERSION = "8.8.0"
_TYPE_VERSIONS = {DATA_VIEW: "8.0.0", "dashboard": "8.9.0"}
_KEYS = frozenset(
    [
        "type",
        "id",
        "attributes",
        "references",
        "managed",
        "coreMigrationVersion",
        "typeMigrationVersion",
    ]
)


def findings(text: str) -> list[str]:
    """All faults of a file of saved objects."""
    try:
        saved = [json.loads(line) for line in text.splitlines()]
    except ValueError as error:
        return [f"file: a line is no JSON: {error}"]
    return [f"{one.get('id')}: {fault}" for one in saved for fault in _whole(one, saved)]


def _whole(one: dict[str, Any], saved: list[dict[str, Any]]) -> list[str]:
    try:
        return list(_object_findings(one, saved))
    except KeyError as error:  # of a key that nothing can be without
        return [f"{error} is missing"]


def _object_findings(one: dict[str, Any], saved: list[dict[str, Any]]) -> Iterator[str]:
    kind = one.get("type")
    if kind not in _TYPE_VERSIONS:
        yield f"type {kind!r} is none that is written here"
        return
    if one.get("coreMigrationVersion") != _CORE_VERSION:
        yield f"coreMigrationVersion is not {_CORE_VERSION}"
    if one.get("typeMigrationVersion") != _TYPE_VERSIONS[kind]:
        yield f"typeMigrationVersion is not {_TYPE_VERSIONS[kind]}"
    if unknown := one.keys() - _KEYS:
        yield f"unknown keys {sorted(unknown)}"
    if sum(other["id"] == one["id"] for other in saved) > 1:
        yield "two objects have this id"
    there = {(other["type"], other["id"]) for other in saved}
    for reference in one["references"]:
        if (reference["type"], reference["id"]) not in there:
            yield f"reference {reference['name']} leads to no object of the file"
    if kind == DATA_VIEW:
        yield from data_view_findings(one["attributes"])
    else:
        yield from dashboard_findings(one)
        for link in links_of(one):
            if ("dashboard", link) not in there:
                yield f"a link leads to {link}, which is not in the file"
