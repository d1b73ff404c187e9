"""Each kind of panel as the settings of a panel of Kibana."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ..model import Asking, Chart, Donut, Limits, OverTime, Ranking, Table, Tile
from .charts import chart, donut, ranking
from .columns import columns_of
from .kql import kql
from .layers import Drawn, apart, is_hidden, layer

__all__ = ["lens", "markdown"]

Json = dict[str, Any]

_TILE: Final = "#F1F4FA"
_GOOD, _FAIR, _BAD = "#DDF1EA", "#FDF3D8", "#F9DCC8"
_ROWS: Final = 10


def lens(panel: Asking) -> tuple[Json, list[str]]:
    """Return the attributes of a by-value Lens panel without references, and its layers' names."""
    match panel:
        case Tile():
            drawn = _tile(panel)
        case Chart():
            drawn = chart(panel)
        case Ranking():
            drawn = ranking(panel)
        case Donut():
            drawn = donut(panel)
        case Table():
            drawn = _table(panel)
    attributes = {
        "title": panel.title,
        "description": panel.description,
        "visualizationType": drawn.kind,
        "type": "lens",
        "state": {
            "visualization": drawn.visualization,
            "query": {"language": "kuery", "query": kql(panel.data.where)},
            "filters": [],
            "datasourceStates": {"formBased": {"layers": drawn.layers}},
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }
    return attributes, list(drawn.layers)


def markdown(text: str) -> Json:
    """Return a by-value panel of markdown."""
    return {
        "id": "",
        "title": "",
        "description": "",
        "type": "markdown",
        "uiState": {},
        "params": {"fontSize": 12, "openLinksInNewTab": False, "markdown": text},
        "data": {
            "aggs": [],
            "searchSource": {"query": {"query": "", "language": "kuery"}, "filter": []},
        },
    }


def _tile(panel: Tile) -> Drawn:
    [value] = panel.data.measures
    over_time = msgspec.structs.replace(panel.data, buckets={"when": OverTime()})
    trend = layer(apart(columns_of(over_time), "trend"), linkToLayers=["main"])
    visualization: Json = {
        "layerId": "main",
        "layerType": "data",
        "metricAccessor": value,
        "color": panel.colour or _TILE,
        "subtitle": panel.subtitle,
        "trendlineLayerId": "trend",
        "trendlineLayerType": "metricTrendline",
        "trendlineTimeAccessor": "trend-when",
        "trendlineMetricAccessor": f"trend-{value}",
    }
    if panel.limits:
        visualization["palette"] = _traffic_light(panel.limits)
    layers = {"main": layer(columns_of(panel.data)), "trend": trend}
    return Drawn("lnsMetric", visualization, layers)


def _table(panel: Table) -> Drawn:
    columns = columns_of(panel.data)
    shown = []
    for id_, column in columns.items():
        if is_hidden(id_, columns):
            continue
        right = column["dataType"] == "number"
        setting: Json = {
            "columnId": id_,
            "isTransposed": False,
            "alignment": "right" if right else "left",
        }
        if id_ in panel.widths:
            setting["width"] = panel.widths[id_]
        if id_ in panel.limits:
            setting |= {"colorMode": "cell", "palette": _traffic_light(panel.limits[id_])}
        shown.append(setting)
    visualization = {
        "layerId": "main",
        "layerType": "data",
        "columns": shown,
        "rowHeight": "single",
        "rowHeightLines": 1,
        "headerRowHeight": "single",
        "headerRowHeightLines": 1,
        "paging": {"enabled": True, "size": _ROWS},
        "sorting": {"columnId": panel.sort, "direction": "desc"},
    }
    return Drawn("lnsDatatable", visualization, {"main": layer(columns)})


def _traffic_light(limits: Limits) -> Json:
    steps = (
        (_GOOD, 0, limits.good_below),
        (_FAIR, limits.good_below, limits.bad_from),
        (_BAD, limits.bad_from, 1),
    )
    return {
        "type": "palette",
        "name": "custom",
        "params": {
            "name": "custom",
            "reverse": False,
            "rangeType": "number",
            "rangeMin": 0,
            "rangeMax": None,
            "progression": "fixed",
            "steps": len(steps),
            "maxSteps": 5,
            "continuity": "above",
            "stops": [{"color": colour, "stop": end} for colour, _, end in steps],
            "colorStops": [{"color": colour, "stop": start} for colour, start, _ in steps],
        },
    }
