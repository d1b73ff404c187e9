"""The keys of a file of saved objects: which settings it has, whatever their values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

__all__ = ["shapes"]

_STRINGS = frozenset(
    {
        *("panelsJSON", "optionsJSON", "ignoreParentSettingsJSON", "searchSourceJSON"),
        *("fields", "sourceFilters", "fieldAttrs", "fieldFormatMap", "runtimeFieldMap", "typeMeta"),
    }
)
"""Attributes that are strings of JSON."""
_NAMED = frozenset({"columns", "layers", "fieldAttrs", "fieldFormatMap"})
"""Objects whose keys are names of ours."""
_KINDS = ("operationType", "seriesType", "visualizationType")
"""Keys whose values say which other keys belong beside them."""


def shapes(text: str) -> set[str]:
    """Paths of keys, each with the kind of object that it is in and the type of its value."""
    return {
        path for one in map(json.loads, text.splitlines()) for path in _paths(one, str(one["type"]))
    }


def _paths(value: Any, before: str) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _paths(one, f"{before}[]")
    elif isinstance(value, dict):
        kind = "".join(f"({value[key]})" for key in _KINDS if key in value)
        # What a picture has depends on the kind that stands beside its state.
        if "visualizationType" in value:
            state = dict(value["state"])
            state[f"visualization{kind}"] = state.pop("visualization")
            value, kind = {**value, "state": state}, ""
        named = before.rpartition(".")[2] in _NAMED or before.endswith("Input.panelsJSON")
        for key, inner in value.items():
            read = json.loads(inner) if key in _STRINGS and isinstance(inner, str) else inner
            yield from _paths(read, f"{before}{kind}.{'*' if named else key}")
    else:
        yield f"{before}: {type(value).__name__}"
