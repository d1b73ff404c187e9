"""The colours of statuses: those of Okabe and Ito, which people with any colour vision can tell apart."""

from __future__ import annotations

from typing import Final

__all__ = ["ACCENT", "FAILED", "STATUSES", "SUCCESS"]

SUCCESS: Final = "#009E73"
FAILED: Final = "#D55E00"
ACCENT: Final = "#3B6FB6"
"""For what has no status."""

STATUSES: Final = {
    "success": SUCCESS,
    "finished without errors": SUCCESS,
    "completed": SUCCESS,
    "online": SUCCESS,
    "running": "#0072B2",
    "accepted": "#56B4E9",
    "pending": "#F0E442",
    "cancelled": "#CC79A7",
    "failed": FAILED,
    "fail": FAILED,
    "finished with errors": FAILED,
    "offline": FAILED,
}
"""By the words of the DMS, in the order in which charts stack them."""
