"""Fields with a unit, measured in the unit that a person reads."""

from __future__ import annotations

from typing import Final, Literal

from .formats import BYTES, GHZ, MINUTES, Format
from .measures import Formula, Percentile, Stat

__all__ = ["BARE", "readable"]

_READ_AS: Final[dict[str, tuple[Literal["divide", "multiply"], float, Format]]] = {
    "MHz": ("divide", 1000.0, GHZ),
    # As the DMS counts, a MB has 2**20 bytes.
    "MB": ("multiply", 1048576.0, BYTES),
    # Lens's durations drop what is below the next unit, and have odd ticks on an axis.
    "s": ("divide", 60.0, MINUTES),
}
BARE: Final = Format(decimals=1)
"""For an axis that names the unit itself."""


def readable(measure: Stat | Percentile, format: Format | None = None) -> Formula:
    """Return the measure in GHz, bytes or minutes.

    Args:
        measure: of a field in MHz, MB or seconds.
        format: how it is written; with its unit by default.

    Raises:
        KeyError: the field has another unit, or none that is known.
    """
    operation, factor, own = _READ_AS[measure.field.unit]
    return Formula(operation, measure, factor, measure.label, format or own)
