"""Panels and the dashboards made of them, on a grid of 48 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from .fields import Field
from .measures import Data

__all__ = [
    "Asking",
    "Chart",
    "Control",
    "Dashboard",
    "Donut",
    "Limits",
    "Note",
    "Panel",
    "Ranking",
    "Row",
    "Series",
    "Table",
    "Tile",
]


class Limits(msgspec.Struct, frozen=True):
    """A share is good below the first number, and bad from the second one on."""

    good_below: float
    bad_from: float


class Tile(msgspec.Struct, frozen=True):
    """One number, of the only measure of ``data``, with its course over time behind it."""

    title: str
    subtitle: str
    data: Data
    colour: str | None = None
    limits: Limits | None = None
    description: str = ""


class Series(msgspec.Struct, frozen=True):
    """How a measure of a chart is drawn."""

    colour: str
    right: bool = False
    """True if it has the axis on the right and is drawn as a line."""


class Chart(msgspec.Struct, frozen=True):
    """Measures over time, with the last bucket on the x axis."""

    title: str
    shape: Literal["bars", "stacked bars", "stacked areas", "lines"]
    data: Data
    unit: str
    """What the y axis counts."""
    series: Mapping[str, Series] = {}
    """By the measure's id; empty where a `Top` bucket splits the chart."""
    right_unit: str = ""
    description: str = ""


class Ranking(msgspec.Struct, frozen=True):
    """A bar for each of the top values, the longest first."""

    title: str
    data: Data
    colour: str
    description: str = ""


class Donut(msgspec.Struct, frozen=True):
    """The share of each of the top values."""

    title: str
    data: Data
    description: str = ""


class Table(msgspec.Struct, frozen=True):
    """A row for each of the top values."""

    title: str
    data: Data
    sort: str
    """The measure by which the rows come, the highest first."""
    widths: Mapping[str, int] = {}
    """In pixels."""
    limits: Mapping[str, Limits] = {}
    description: str = ""


class Note(msgspec.Struct, frozen=True):
    """Markdown under the links to the dashboards."""

    title: str
    here: str
    """The key of the dashboard that it stands on, which is no link."""
    links: Mapping[str, str]
    """The words of the links, by the dashboards' keys."""
    markdown: str


Asking: TypeAlias = Tile | Chart | Ranking | Donut | Table
"""A panel with data."""
Panel: TypeAlias = Asking | Note


class Row(msgspec.Struct, frozen=True):
    """Panels of one width side by side."""

    height: int
    """In rows of the grid."""
    panels: tuple[Panel, ...]
    """As many as divide 48."""


class Control(msgspec.Struct, frozen=True):
    """A list of the values of a field, to choose from for all panels."""

    field: Field
    title: str


class Dashboard(msgspec.Struct, frozen=True):
    """One page."""

    key: str
    """Unique, and part of its address."""
    title: str
    description: str
    rows: tuple[Row, ...]
    controls: tuple[Control, ...]

    def panels(self) -> list[Asking]:
        """Return the panels that ask for something, in reading order."""
        return [one for row in self.rows for one in row.panels if not isinstance(one, Note)]
