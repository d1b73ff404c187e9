"""Colours by meaning: a status has one colour, here as in the report."""

from __future__ import annotations

from typing import Final

from dms_events.report.colours import ACCENT, FAILED, STATUSES, SUCCESS

__all__ = ["ACCENT", "QUIET", "SECOND", "colour_of"]

QUIET: Final = "#9AA5B1"
"""For what has no status, or one that the DMS does not use."""
SECOND: Final = "#332288"
"""Beside `ACCENT`, for a series that has no status either."""

_OUTCOMES: Final = {"success": SUCCESS, "failure": FAILED, "unknown": QUIET}


def colour_of(status: str) -> str:
    """Return the colour of a status or an outcome, as ``#RRGGBB``; `QUIET` for any other word."""
    return _OUTCOMES.get(status) or STATUSES.get(status, QUIET)
