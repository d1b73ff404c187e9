"""The data view: which indices, the time field, and how the values of fields are written."""

from __future__ import annotations

import json
from typing import Any, Final

from dms_events import registry
from dms_events.report.colours import STATUSES
from dms_events.types.elk_stats import NtxPayment, ServiceCall, ServiceStatus

from ..model import CALL, DATASET, OUTCOME, PEER, TIME, Field, colour_of, field_of, fields_in

__all__ = ["data_view"]

_CALL_ID: Final = field_of(ServiceCall, "call_id")
_STATUS_FIELDS: Final = (
    field_of(ServiceStatus, "status"),
    field_of(NtxPayment, "success_fail_status"),
)
_LABELS: Final = {
    PEER: "Peer",
    CALL: "Call",
    DATASET: "Type of event",
    OUTCOME: "Outcome",
    field_of(ServiceCall, "service_id"): "Service",
    field_of(ServiceCall, "peer_id_of_service_host"): "Host",
}
_NUMBER: Final = {"id": "number", "params": {"pattern": "0,0.[0]"}}
_DURATION: Final = {
    "id": "duration",
    "params": {
        "inputFormat": "seconds",
        "outputFormat": "humanizePrecise",
        "outputPrecision": 1,
        "includeSpaceWithSuffix": True,
        "useShortSuffix": True,
    },
}
_UNITS: Final = {"s": _DURATION, "MHz": _NUMBER, "MB": _NUMBER, "NTX": _NUMBER}
"""The formats of numbers by their unit; a formatter of Kibana knows no MHz and no MB."""
_UNIX_TIME: Final = field_of(ServiceCall, "timestamp")
"""Seconds for the DMS, a date in the index."""
_LIGHT, _DARK = "#FFFFFF", "#000000"


def data_view(prefix: str) -> dict[str, Any]:
    """Return the attributes of the data view over the stats events.

    It leaves out the other types that may be stored: their fields of the same names have other
    mappings, and a field with two mappings cannot be aggregated.
    """
    return {
        "title": f"{prefix}-elk_stats.*",
        "name": f"{prefix.upper()} events",
        "timeFieldName": TIME.name,
        "allowNoIndex": True,
        "allowHidden": False,
        "fields": "[]",
        "sourceFilters": "[]",
        "runtimeFieldMap": "{}",
        "typeMeta": "{}",
        "fieldAttrs": json.dumps(
            {field: {"customLabel": label} for field, label in _labels().items()}
        ),
        "fieldFormatMap": json.dumps(_formats()),
    }


def _labels() -> dict[str, str]:
    """Return the names that people read: in words, or with the unit that no formatter writes."""
    units = {f.name: f"{f.name}, {f.unit}" for f in _measured() if f.unit != "s"}
    return units | {field.name: label for field, label in _LABELS.items()}


def _formats() -> dict[str, Any]:
    return {
        **{field.name: _UNITS[field.unit] for field in _measured()},
        # Without a pattern, the latest time of a column is raw ISO text with nanoseconds.
        TIME.name: {"id": "date", "params": {"pattern": "MMM D, YYYY HH:mm:ss"}},
        _CALL_ID.name: {"id": "number", "params": {"pattern": "0"}},
        OUTCOME.name: _badges("success", "failure", "unknown"),
        **{field.name: _badges(*STATUSES) for field in _STATUS_FIELDS},
    }


def _measured() -> list[Field]:
    """Return the fields of the stats events that have a unit."""
    types = map(registry.get, registry.matching("elk_stats.*"))
    fields = dict.fromkeys(field for type_ in types for field in fields_in(type_))
    return [field for field in fields if field.unit and field != _UNIX_TIME]


def _badges(*words: str) -> dict[str, Any]:
    """Return the format that shows each of these words as a badge of its colour."""
    badges = []
    for word in words:
        background = colour_of(word)
        badges.append(
            {"regex": f"^{word}$", "text": _text_on(background), "background": background}
        )
    return {"id": "color", "params": {"fieldType": "string", "colors": badges}}


def _text_on(background: str) -> str:
    """Return black or white, by which of them is easier to read there."""
    red, green, blue = ((part / 255) ** 2.2 for part in bytes.fromhex(background[1:]))
    return _DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else _LIGHT
