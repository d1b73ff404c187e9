"""The data view: which indices, the time field, and how the values of fields are written."""

from __future__ import annotations

import json
from typing import Any, Final

from dms_events.report.colours import STATUSES
from dms_events.types.elk_stats import NtxPayment, ServiceCall, ServiceStatus

from ..model import CALL, DATASET, OUTCOME, PEER, TIME, colour_of, field_of

__all__ = ["data_view"]

_CALL_ID: Final = field_of(ServiceCall, "call_id")
_TIME_TAKEN: Final = field_of(ServiceCall, "time_taken")
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
    _TIME_TAKEN: "Time taken",
}
_LIGHT, _DARK = "#FFFFFF", "#1D1E24"


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
            {field.name: {"customLabel": label} for field, label in _LABELS.items()}
        ),
        "fieldFormatMap": json.dumps(_formats()),
    }


def _formats() -> dict[str, Any]:
    duration = {
        "inputFormat": "seconds",
        "outputFormat": "humanizePrecise",
        "outputPrecision": 1,
        "includeSpaceWithSuffix": True,
        "useShortSuffix": True,
    }
    return {
        # Without a pattern, the latest time of a column is raw ISO text with nanoseconds.
        TIME.name: {"id": "date", "params": {"pattern": "MMM D, YYYY HH:mm:ss"}},
        _CALL_ID.name: {"id": "number", "params": {"pattern": "0"}},
        _TIME_TAKEN.name: {"id": "duration", "params": duration},
        OUTCOME.name: _badges("success", "failure", "unknown"),
        **{field.name: _badges(*STATUSES) for field in _STATUS_FIELDS},
    }


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
    red, green, blue = bytes.fromhex(background[1:])
    return _DARK if 299 * red + 587 * green + 114 * blue > 128_000 else _LIGHT
