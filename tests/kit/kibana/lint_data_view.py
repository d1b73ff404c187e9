"""Faults of a data view."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .fields import DATES, everywhere, mapped_types

__all__ = ["data_view_findings"]

_STRINGS = frozenset(
    {
        *("fields", "sourceFilters", "fieldAttrs"),
        *("fieldFormatMap", "runtimeFieldMap", "typeMeta"),
    }
)
_PLAIN = frozenset(["title", "name", "timeFieldName", "allowNoIndex", "allowHidden"])
_FORMATS = frozenset(["number", "bytes", "date", "duration", "color"])


def data_view_findings(attributes: dict[str, Any]) -> Iterator[str]:
    """The faults of its attributes."""
    if unknown := attributes.keys() - _STRINGS - _PLAIN:
        yield f"unknown attributes {sorted(unknown)}"
    parsed: dict[str, Any] = {}
    for key in sorted(_STRINGS):
        try:
            parsed[key] = json.loads(attributes[key])
        except (KeyError, TypeError, ValueError):
            yield f"{key} is no string of JSON"
    time = attributes.get("timeFieldName", "")
    if not mapped_types(time) <= DATES or not everywhere(time):
        yield f"the time field {time!r} is not a date in every index"
    for field, format in parsed.get("fieldFormatMap", {}).items():
        if not mapped_types(field):
            yield f"fieldFormatMap: no index has the field {field!r}"
        if format.get("id") not in _FORMATS:
            yield f"fieldFormatMap: the format {format.get('id')!r} of {field} is unknown"
    for field in parsed.get("fieldAttrs", {}):
        if not mapped_types(field):
            yield f"fieldAttrs: no index has the field {field!r}"
