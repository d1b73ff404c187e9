"""Charts and rankings as Lens's XY chart, and donuts as its pie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ..model import Chart, Data, Donut, OverTime, Ranking, Series
from .columns import columns_of
from .layers import Drawn, apart, layer

__all__ = ["chart", "donut", "ranking"]

Json = dict[str, Any]

_SHAPES: Final = {
    "bars": "bar",
    "stacked bars": "bar_stacked",
    "stacked areas": "area_stacked",
    "lines": "line",
}
_DEFAULT_PALETTE: Final = {"type": "palette", "name": "default"}


def chart(panel: Chart) -> Drawn:
    """Return the chart; a measure with the axis on the right has a layer of its own."""
    data, shape = panel.data, _SHAPES[panel.shape]
    x = next(id_ for id_, b in data.buckets.items() if isinstance(b, OverTime))
    split = next((id_ for id_ in data.buckets if id_ != x), None)
    right = [id_ for id_, series in panel.series.items() if series.right]
    left = [id_ for id_ in data.measures if id_ not in right]
    layers = {"main": layer(columns_of(_without(data, right)))}
    drawn = [_series("main", shape, x, left, panel.series)]
    if split:
        drawn[0]["splitAccessor"] = split
    if right:
        # A cumulative measure needs the measure that it adds up, in its layer too.
        layers["right"] = layer(apart(columns_of(data), "right"))
        series = {f"right-{id_}": panel.series[id_] for id_ in right}
        drawn.append(_series("right", "line", f"right-{x}", list(series), series))
    many = bool(split) or len(data.measures) > 1
    return Drawn("lnsXY", _xy(shape, drawn, panel.unit, panel.right_unit, legend=many), layers)


def ranking(panel: Ranking) -> Drawn:
    """Return horizontal bars with their values."""
    [key], [value] = panel.data.buckets, panel.data.measures
    shape = "bar_horizontal"
    drawn = [_series("main", shape, key, [value], {value: Series(panel.colour)})]
    visualization = {**_xy(shape, drawn, "", "", legend=False), "valueLabels": "show"}
    return Drawn("lnsXY", visualization, {"main": layer(columns_of(panel.data))})


def donut(panel: Donut) -> Drawn:
    """Return the donut with a legend beside it."""
    drawn = {
        "layerId": "main",
        "layerType": "data",
        "primaryGroups": list(panel.data.buckets),
        "metrics": list(panel.data.measures),
        "numberDisplay": "percent",
        "percentDecimals": 0,
        "categoryDisplay": "hide",
        "legendDisplay": "show",
        "legendPosition": "right",
        "nestedLegend": False,
        "truncateLegend": True,
        "legendMaxLines": 1,
        "legendSize": "large",
        "emptySizeRatio": 0.54,
    }
    visualization = {"shape": "donut", "palette": _DEFAULT_PALETTE, "layers": [drawn]}
    return Drawn("lnsPie", visualization, {"main": layer(columns_of(panel.data))})


def _without(data: Data, measures: list[str]) -> Data:
    left = {id_: measure for id_, measure in data.measures.items() if id_ not in measures}
    return msgspec.structs.replace(data, measures=left)


def _series(
    name: str, shape: str, x: str, measures: list[str], series: Mapping[str, Series]
) -> Json:
    config: list[Json] = []
    for id_ in measures:
        drawn = series.get(id_)
        config.append(
            {"forAccessor": id_, "axisMode": "right" if drawn and drawn.right else "left"}
            | ({"color": drawn.colour} if drawn else {})
        )
    return {
        "layerId": name,
        "layerType": "data",
        "seriesType": shape,
        "xAccessor": x,
        "accessors": measures,
        "position": "top",
        "showGridlines": False,
        "yConfig": config,
        "palette": _DEFAULT_PALETTE,
    }


def _xy(shape: str, layers: list[Json], unit: str, right_unit: str, *, legend: bool) -> Json:
    split = any("splitAccessor" in one for one in layers)
    return {
        "preferredSeriesType": shape,
        "layers": layers,
        "title": "Empty XY chart",
        "legend": {
            "isVisible": legend,
            "position": "right" if split else "bottom",
            "legendSize": "auto",
            "shouldTruncate": True,
            "maxLines": 1,
            "showSingleSeries": False,
        },
        "valueLabels": "hide",
        "fittingFunction": "Linear" if shape == "line" else "None",
        "curveType": "CURVE_MONOTONE_X",
        "hideEndzones": True,
        "fillOpacity": 0.5,
        "yTitle": unit,
        "yRightTitle": right_unit,
        "axisTitlesVisibilitySettings": {
            "x": False,
            "yLeft": bool(unit),
            "yRight": bool(right_unit),
        },
        "tickLabelsVisibilitySettings": {"x": True, "yLeft": True, "yRight": True},
        "gridlinesVisibilitySettings": {"x": False, "yLeft": True, "yRight": False},
        "labelsOrientation": {"x": 0, "yLeft": 0, "yRight": 0},
        "yLeftExtent": {"mode": "full"},
        "yRightExtent": {"mode": "full"},
    }
