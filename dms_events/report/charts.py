"""The charts of the report, as Vega-Lite specs: plain dicts that include their data."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from .colours import ACCENT, STATUSES
from .queries import Span
from .texts import clock_range, date_range, duration

__all__ = ["Bar", "Spec", "cumulative", "ranking", "stacked", "status_colours"]

Spec = dict[str, Any]

_INK, _MUTED, _AXIS, _GRID = "#1F2933", "#52606D", "#9AA5B1", "#E4E7EB"

_SPARE = ("#E69F00", "#332288", "#AA4499", "#44AA99", "#882255", "#DDCC77", "#88CCEE", "#661100")
_OTHER = "#9AA5B1"

_CONFIG: Spec = {
    "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelFontSize": 12,
        "labelColor": _MUTED,
        "titleFontSize": 12,
        "titleFontWeight": 500,
        "titleColor": _MUTED,
        "titlePadding": 10,
        "gridColor": _GRID,
        "domainColor": _AXIS,
        "tickColor": _AXIS,
    },
}


class Bar(NamedTuple):
    """A piece of a bar: the value of a series in the bucket that begins at ``start``."""

    start: int
    series: str
    value: float


def status_colours(statuses: Iterable[str], *, other: str = "") -> dict[str, str]:
    """Return a colour for each status, in stacking order; ``other`` is grey.

    A status has the same colour in every report: usual statuses have fixed colours, and the name of any
    other status decides its colour. Only if two statuses of a report want one colour, one gets another.
    """
    ranks = {status: rank for rank, status in enumerate(STATUSES)}
    colours: dict[str, str] = {}

    def place(status: str) -> tuple[int, bool, str]:
        usual = status.lower()
        return ranks.get(usual, ranks["cancelled"]), status != usual, status

    for status in sorted(
        set(statuses), key=lambda status: (status.lower() not in ranks, place(status))
    ):
        first = zlib.crc32(status.encode()) % len(_SPARE)
        wanted = [STATUSES.get(status.lower(), _OTHER), *_SPARE[first:], *_SPARE[:first]]
        taken = {_OTHER, *colours.values()}
        free = (colour for colour in wanted if colour not in taken)
        colours[status] = _OTHER if status == other else next(free, _OTHER)
    return {status: colours[status] for status in sorted(colours, key=place)}


def cumulative(span: Span, added: dict[int, float], *, what: str, whole: bool = False) -> Spec:
    """Return a line chart of the total at the end of each bucket."""
    total = 0.0
    points = [_point(span.start, total)]
    for start in range(span.start, span.end, span.step):
        total += added.get(start, 0)
        points.append(_point(start + span.step, total))
    value = {"field": "value", "type": "quantitative", "title": what}
    axis: Spec = {"tickCount": 5, "minExtent": 46}
    if whole:
        axis |= {"tickMinStep": 1, "format": ",d"}
    return _spec(
        points,
        height=190,
        layer=[
            {"mark": {"type": "area", "color": ACCENT, "opacity": 0.12}},
            {"mark": {"type": "line", "color": ACCENT, "strokeWidth": 2}},
            {
                "mark": {"type": "point", "filled": True, "size": 250, "opacity": 0},
                "encoding": {
                    "tooltip": [
                        {"field": "when", "title": "by"},
                        {**value, "format": ",d" if whole else ",.1f"},
                    ]
                },
            },
        ],
        encoding={"x": _time_axis(span), "y": {**value, "axis": axis, "scale": {"nice": 5}}},
    )


def stacked(span: Span, bars: Iterable[Bar], colours: dict[str, str], *, what: str) -> Spec:
    """Return a chart of stacked bars; negative values are below the baseline."""
    series = list(colours)
    tops: dict[tuple[int, bool], float] = {}
    rows = []
    for bar in sorted(bars, key=lambda bar: series.index(bar.series)):
        base = tops.get((bar.start, bar.value < 0), 0)
        top = tops[bar.start, bar.value < 0] = base + bar.value
        end = bar.start + span.step
        rows.append(
            {
                "start": bar.start * 1000,
                "end": end * 1000,
                "when": clock_range(bar.start, end),
                "series": bar.series,
                "base": base,
                "top": top,
                "amount": abs(bar.value),
            }
        )
    axis = {
        "tickCount": 6,
        "tickMinStep": 1,
        "labelExpr": "format(abs(datum.value), ',')",
        "gridColor": {"condition": {"test": "datum.value === 0", "value": _AXIS}, "value": _GRID},
    }
    title = f"{what} per {duration(span.step)}"
    return _spec(
        rows,
        height=260,
        mark={"type": "rect", "xOffset": 0.75, "x2Offset": -0.75, "clip": True},
        encoding={
            "x": _time_axis(span),
            "x2": {"field": "end"},
            "y": {"field": "base", "type": "quantitative", "title": title, "axis": axis},
            "y2": {"field": "top"},
            "color": {
                "field": "series",
                "type": "nominal",
                "legend": None,
                "scale": {"domain": series, "range": list(colours.values())},
            },
            "tooltip": [
                {"field": "when", "title": "when"},
                {"field": "series", "title": "status"},
                {"field": "amount", "type": "quantitative", "format": ",", "title": what},
            ],
        },
    )


def ranking(rows: Sequence[tuple[str, int, str]], *, what: str) -> Spec:
    """Return horizontal bars of (label, value, text for the tooltip); labels must differ."""
    return _spec(
        [{"label": label, "value": value, "about": about} for label, value, about in rows],
        height=27 * len(rows),
        layer=[
            {"mark": {"type": "bar", "color": ACCENT, "cornerRadiusEnd": 2}},
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "fontSize": 12, "color": _INK},
                "encoding": {"text": {"field": "value", "type": "quantitative", "format": ","}},
            },
        ],
        encoding={
            "y": {
                "field": "label",
                "type": "nominal",
                "sort": None,
                "title": None,
                "scale": {"paddingInner": 0.3},
                "axis": {
                    "labelLimit": 200,
                    "labelColor": _INK,
                    "ticks": False,
                    "domain": False,
                    "labelPadding": 8,
                },
            },
            "x": {
                "field": "value",
                "type": "quantitative",
                "title": what,
                "scale": {"domainMax": 1.12 * max((value for _, value, _ in rows), default=1)},
                "axis": {"tickCount": 4, "tickMinStep": 1},
            },
            "tooltip": [
                {"field": "about", "title": "service"},
                {"field": "value", "type": "quantitative", "format": ",", "title": what},
            ],
        },
    )


def _spec(rows: Sequence[Spec], **view: Any) -> Spec:
    return {
        "data": {"values": rows},
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "config": _CONFIG,
        **view,
    }


def _time_axis(span: Span) -> Spec:
    length = span.end - span.start
    dates = "%b %Y" if length > 400 * 86400 else "%-d %b"
    midnight = "utchours(datum.value) + utcminutes(datum.value) == 0"
    return {
        "field": "start",
        "type": "temporal",
        "scale": {
            "type": "utc",
            "domainMin": {"expr": str(span.start * 1000)},
            "domainMax": {"expr": str(span.end * 1000)},
            "nice": False,
        },
        "title": f"time (UTC), {date_range(span.start, span.end)}"
        if length <= 2 * 86400
        else "time (UTC)",
        "axis": {
            "grid": False,
            "tickCount": {"expr": "ceil(width / 90)"},
            "labelExpr": f"utcFormat(datum.value, {midnight} ? '{dates}' : '%H:%M')",
            "labelOverlap": "greedy",
            "labelSeparation": 4,
            "labelFlush": True,
        },
    }


def _point(second: int, value: float) -> Spec:
    return {"start": second * 1000, "when": clock_range(second, second), "value": round(value, 3)}
