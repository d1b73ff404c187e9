"""Faults of a dashboard: its attributes, references, controls, and where its panels stand."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from dms_events_kibana.ndjson import OLDEST_KIBANA

from .fields import everywhere, mapped_types
from .lint_lens import lens_findings

__all__ = ["dashboard_findings", "links_of"]

Json = dict[str, Any]

_ATTRIBUTES = frozenset(
    {
        *(
            "title",
            "description",
            "version",
            "hits",
            "panelsJSON",
            "optionsJSON",
            "controlGroupInput",
        ),
        *("timeRestore", "timeFrom", "timeTo", "refreshInterval", "kibanaSavedObjectMeta"),
    }
)
_TIMES = ("timeFrom", "timeTo")
_CONTROLS = frozenset({"optionsListControl"})
_PANELS = frozenset({"lens", "visualization"})
_GRID = frozenset({"x", "y", "w", "h", "i"})
_COLUMNS = 48
_LINK = re.compile(r"\(#/view/([^)]+)\)")


def dashboard_findings(one: Json) -> Iterator[str]:
    """The faults of a saved dashboard."""
    attributes = one["attributes"]
    if unknown := attributes.keys() ^ _ATTRIBUTES:
        yield f"unknown or missing attributes {sorted(unknown)}"
    if attributes.get("timeRestore") is not True or not all(map(attributes.get, _TIMES)):
        yield "the time range is not stored"
    strings = {
        "panelsJSON": attributes.get("panelsJSON"),
        "optionsJSON": attributes.get("optionsJSON"),
        "controls": attributes.get("controlGroupInput", {}).get("panelsJSON"),
        "ignored settings": attributes.get("controlGroupInput", {}).get("ignoreParentSettingsJSON"),
        "search source": attributes.get("kibanaSavedObjectMeta", {}).get("searchSourceJSON"),
    }
    parsed: Json = {}
    for name, text in strings.items():
        try:
            parsed[name] = json.loads(text)
        except (TypeError, ValueError):
            yield f"{name} is no string of JSON"
    if len(parsed) < len(strings):
        return
    panels, controls = parsed["panelsJSON"], parsed["controls"]
    yield from _control_findings(controls)
    yield from _reference_findings(one["references"], panels, controls)
    yield from _place_findings(panels)
    for panel in panels:
        for fault in _panel_findings(panel):
            yield f"panel {panel.get('title')!r}: {fault}"


def links_of(one: Json) -> list[str]:
    """The ids of the dashboards to which the markdown of a dashboard leads."""
    text = one["attributes"].get("panelsJSON")
    return _LINK.findall(text) if isinstance(text, str) else []


def _control_findings(controls: Json) -> Iterator[str]:
    for key, control in controls.items():
        if control.get("type") not in _CONTROLS:
            yield f"control {key}: type {control.get('type')!r} is unknown"
            continue
        field = control["explicitInput"]["fieldName"]
        if mapped_types(field) != {"keyword"}:
            yield f"control {key}: {field} is not a keyword in the indices"
        elif not everywhere(field):
            yield f"control {key}: not every event has {field}"


def _reference_findings(
    references: list[Json], panels: list[Json], controls: Json
) -> Iterator[str]:
    wanted = Counter(f"controlGroup_{key}:optionsListDataView" for key in controls)
    for panel in panels:
        own = [reference["name"] for reference in _own_references(panel)]
        layers = [f"indexpattern-datasource-layer-{name}" for name in _layers(panel)]
        if sorted(own) != sorted(layers):
            yield f"panel {panel.get('title')!r}: its own references are {own}, its layers {layers}"
        wanted.update(f"{panel.get('panelIndex')}:{name}" for name in layers)
    found = Counter(reference["name"] for reference in references)
    for name in sorted((wanted - found).keys()):
        yield f"reference {name} is missing"
    for name in sorted((found - wanted).keys()):
        yield f"reference {name} is left over"


def _place_findings(panels: list[Json]) -> Iterator[str]:
    indices = Counter(panel.get("panelIndex") for panel in panels)
    for index, count in indices.items():
        if count > 1:
            yield f"{count} panels have the panelIndex {index!r}"
    grids = [panel["gridData"] for panel in panels if panel.get("gridData", {}).keys() == _GRID]
    for one, other in combinations(grids, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        if not beside and not below:
            yield f"panels {one['i']} and {other['i']} overlap"


def _panel_findings(panel: Json) -> Iterator[str]:
    if panel.get("version") != OLDEST_KIBANA:
        yield f"version is not {OLDEST_KIBANA}"
    grid = panel.get("gridData", {})
    if grid.keys() != _GRID:
        yield "gridData is missing or incomplete"
    elif grid["x"] + grid["w"] > _COLUMNS:
        yield f"it is wider than the {_COLUMNS} columns"
    elif grid["i"] != panel.get("panelIndex"):
        yield "panelIndex is missing or not that of gridData"
    if panel.get("type") not in _PANELS:
        yield f"type {panel.get('type')!r} is unknown"
    elif panel["type"] == "lens":
        yield from lens_findings(panel["embeddableConfig"]["attributes"])
    elif panel["embeddableConfig"].get("savedVis", {}).get("type") != "markdown":
        yield "it is no markdown"


def _own_references(panel: Json) -> list[Json]:
    references: list[Json] = panel["embeddableConfig"].get("attributes", {}).get("references", [])
    return references


def _layers(panel: Json) -> list[str]:
    state = panel["embeddableConfig"].get("attributes", {}).get("state", {})
    return list(state.get("datasourceStates", {}).get("formBased", {}).get("layers", {}))
