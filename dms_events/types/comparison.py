"""The result of comparing two capabilities, for the left one."""

from __future__ import annotations

from typing import NewType

from ._enums import OpenStrEnum

__all__ = ["Comparison", "ComplexComparison"]


class Comparison(OpenStrEnum):
    """The left object compared with the right one."""

    WORSE = "Worse"
    BETTER = "Better"
    EQUAL = "Equal"
    ERROR = "Error"
    """The comparison failed, or the two cannot be compared."""


ComplexComparison = NewType("ComplexComparison", dict[str, Comparison])
ComplexComparison.__doc__ = "A comparison for each aspect, by its name."
