"""The outcome of an event: one word for the many status words of the types."""

from __future__ import annotations

from functools import cache
from typing import Final, Literal

import msgspec

from ..fields import fields_of

__all__ = ["OUTCOMES", "Outcome", "outcome_of"]

Outcome = Literal["success", "failure", "unknown"]

OUTCOMES: Final[dict[str, Outcome]] = {
    "success": "success",
    "finished without errors": "success",
    "completed": "success",
    "fail": "failure",
    "failed": "failure",
    "finished with errors": "failure",
}
"""The status words that tell an end, in any case. All others (``accepted``, ``running``, ``online``, …)
are ``unknown``, as are the words that the DMS does not use."""

_STATUS: Final = (
    "success_fail_status",
    "success",
    "status",
    "job_status",
    "transaction_status",
    "exit_code",
)
"""The attributes of the types that say how something ended."""
_LONGEST: Final = max(map(len, OUTCOMES))


def outcome_of(event: msgspec.Struct) -> Outcome:
    """Return the outcome of an event; ``unknown`` if it has no status, or its status tells no end."""
    attribute = _status_of(type(event))
    return _outcome(getattr(event, attribute)) if attribute else "unknown"


@cache
def _status_of(type_: type[msgspec.Struct]) -> str:
    attributes = {field.attribute for field in fields_of(type_)}
    return next((name for name in _STATUS if name in attributes), "")


def _outcome(status: object) -> Outcome:
    match status:
        case str():
            known = OUTCOMES.get(status)
            if known is None and len(status) <= _LONGEST:
                known = OUTCOMES.get(status.lower())
            return known or "unknown"
        case bool():
            return "success" if status else "failure"
        case int():
            return "failure" if status else "success"
    return "unknown"
