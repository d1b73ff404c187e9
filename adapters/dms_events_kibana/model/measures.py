"""What a panel asks of the events: how they are parted, and what is measured of each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from .conditions import Condition
from .fields import TIME, Field
from .formats import COUNT, Format

__all__ = [
    "Bucket",
    "Count",
    "Cumulative",
    "Data",
    "Formula",
    "Last",
    "Measure",
    "OverTime",
    "Percentile",
    "Plain",
    "Stat",
    "Top",
    "newest",
]


class Count(msgspec.Struct, frozen=True):
    """The number of events, or of those for which ``where`` holds."""

    label: str
    where: Condition | None = None
    format: Format = COUNT


class Stat(msgspec.Struct, frozen=True):
    """One number made of all values of a field; ``distinct`` is the number of different values."""

    operation: Literal["sum", "average", "median", "max", "distinct"]
    field: Field
    label: str
    format: Format = COUNT
    where: Condition | None = None


class Percentile(msgspec.Struct, frozen=True):
    """The value that so many percent of all values do not exceed."""

    percent: int
    field: Field
    label: str
    format: Format = COUNT
    where: Condition | None = None


class Last(msgspec.Struct, frozen=True):
    """The value in the latest event for which ``where`` holds; a number has its unit behind it."""

    field: Field
    label: str
    where: Condition

    @property
    def format(self) -> Format:
        """How a number is written."""
        return Format(suffix=f" {self.field.unit}" if self.field.unit else "")


Plain: TypeAlias = Count | Stat | Percentile | Last
"""What one aggregation answers."""


class Formula(msgspec.Struct, frozen=True):
    """Two measures, or a measure and a number, divided or multiplied."""

    operation: Literal["divide", "multiply"]
    left: Count | Stat | Percentile
    right: Count | Stat | float
    label: str
    format: Format = COUNT


class Cumulative(msgspec.Struct, frozen=True):
    """The sum of another measure of the same panel up to this bucket of time."""

    of: str
    """The measure's id."""
    label: str
    format: Format = COUNT


Measure: TypeAlias = Plain | Formula | Cumulative


def newest(label: str, where: Condition | None = None) -> Stat:
    """Return the measure of the time of the latest event."""
    return Stat("max", TIME, label, where=where)


class OverTime(msgspec.Struct, frozen=True):
    """Intervals of the events' time; the display chooses how long they are."""


class Top(msgspec.Struct, frozen=True):
    """The values of a field that have most of a measure, the highest first."""

    field: Field
    label: str
    size: int
    by: str
    """The id of the measure, which is a plain one."""
    other: bool = False
    """True if one more bucket holds the rest."""


Bucket: TypeAlias = OverTime | Top


class Data(msgspec.Struct, frozen=True):
    """The events for which ``where`` holds, parted by ``buckets`` (outermost first), and measured.

    Buckets and measures have ids of their own in it.
    """

    where: Condition | None
    buckets: Mapping[str, Bucket]
    measures: Mapping[str, Measure]
