"""Faults of a Lens panel: its state, its picture, and what the picture takes from the layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from .fields import mapped_types, words_of
from .kql import KqlError, comparisons
from .lint_columns import column_findings

__all__ = ["lens_findings", "query_findings"]

Json = dict[str, Any]

_STATE = frozenset(
    [
        "visualization",
        "query",
        "filters",
        "datasourceStates",
        "internalReferences",
        "adHocDataViews",
    ]
)
_SERIES = frozenset({"bar", "bar_stacked", "area_stacked", "line", "bar_horizontal"})
_LAYER = frozenset({"columns", "columnOrder", "incompleteColumns", "sampling"})
_ATTRIBUTES = frozenset(
    ["title", "description", "visualizationType", "type", "state", "references"]
)


def lens_findings(attributes: Json) -> Iterator[str]:
    """The faults of the attributes of a by-value panel."""
    if attributes.keys() != _ATTRIBUTES:
        yield f"unknown or missing attributes {sorted(attributes.keys() ^ _ATTRIBUTES)}"
    state = attributes.get("state", {})
    if missing := _STATE - state.keys():
        yield f"its state lacks {sorted(missing)}"
        return
    yield from query_findings(state["query"])
    layers = state["datasourceStates"].get("formBased", {}).get("layers", {})
    ids: Counter[str] = Counter()
    for name, layer in layers.items():
        if missing := _LAYER - layer.keys():
            yield f"layer {name} lacks {sorted(missing)}"
            return
        ids.update(list(layer["columns"]))
        yield from column_findings(layer)
        for column in layer["columns"].values():
            if "filter" in column:
                yield from query_findings(column["filter"])
    if shared := [id_ for id_, count in ids.items() if count > 1]:
        yield f"two layers share the ids {shared}"
    yield from _picture_findings(attributes["visualizationType"], state["visualization"], layers)


def query_findings(query: Json) -> Iterator[str]:
    """The faults of a KQL query: its syntax, and fields and words that are in no event."""
    try:
        pairs = comparisons(query["query"])
    except KqlError as error:
        yield f"KQL: {error}"
        return
    for field, value in pairs:
        if not mapped_types(field):
            yield f"KQL: no index has the field {field!r}"
        elif value not in words_of(field):
            yield f"KQL: no event has {value!r} as {field}"


def _picture_findings(kind: str, picture: Json, layers: Json) -> Iterator[str]:
    if kind not in _TAKEN:
        yield f"visualization type {kind!r} is unknown"
        return
    if kind == "lnsXY" and "legend" not in picture:
        yield "the chart has no legend"
    for drawn in picture["layers"] if kind == "lnsXY" else ():
        if drawn.get("seriesType") not in _SERIES:
            yield f"series type {drawn.get('seriesType')!r} is unknown"
    used = list(_TAKEN[kind](picture))
    for layer, columns in used:
        if layer not in layers:
            yield f"the picture takes from the layer {layer!r}, which is not there"
            continue
        for column in columns:
            if column not in layers[layer]["columns"]:
                yield f"the picture takes the column {column!r}, which layer {layer} lacks"
    if unused := layers.keys() - {layer for layer, _ in used}:
        yield f"the picture takes nothing from the layers {sorted(unused)}"


_Taken = Iterator[tuple[str | None, list[str | None]]]
"""The layers and the columns of them that a picture takes."""


def _metric(picture: Json) -> _Taken:
    yield picture.get("layerId"), [picture.get("metricAccessor")]
    trend = [picture.get(f"trendline{name}Accessor") for name in ("Time", "Metric")]
    yield picture.get("trendlineLayerId"), trend


def _xy(picture: Json) -> _Taken:
    for drawn in picture["layers"]:
        coloured = [config["forAccessor"] for config in drawn["yConfig"]]
        split = [drawn["splitAccessor"]] if "splitAccessor" in drawn else []
        yield (
            drawn.get("layerId"),
            [drawn.get("xAccessor"), *drawn["accessors"], *coloured, *split],
        )


def _pie(picture: Json) -> _Taken:
    for drawn in picture["layers"]:
        yield drawn.get("layerId"), [*drawn["primaryGroups"], *drawn["metrics"]]


def _table(picture: Json) -> _Taken:
    shown = [column["columnId"] for column in picture["columns"]]
    sorted_by = [picture["sorting"].get("columnId")] if "sorting" in picture else []
    yield picture.get("layerId"), [*shown, *sorted_by]


_TAKEN: dict[str, Callable[[Json], _Taken]] = {
    "lnsMetric": _metric,
    "lnsXY": _xy,
    "lnsPie": _pie,
    "lnsDatatable": _table,
}
