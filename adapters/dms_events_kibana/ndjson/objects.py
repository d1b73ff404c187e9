"""The saved objects of Kibana: the data view, and a dashboard each with its panels by value.

The stamps and shapes are those that Kibana 8.9 to 9.x take. A reference that lacks one of its two places
makes a panel load for ever, without a word.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from dms_events_elasticsearch.names import Names

from ..dashboards import all_dashboards
from ..model import Control, Dashboard, Note, Panel, Tile
from .data_view import data_view
from .lens import lens, markdown

__all__ = ["DATA_VIEW", "OLDEST_KIBANA", "dumps", "objects"]

Json = dict[str, Any]

OLDEST_KIBANA: Final = "8.9.0"
DATA_VIEW: Final = "index-pattern"
"""Kibana's type of a data view."""
_TYPE_VERSIONS: Final = {DATA_VIEW: "8.0.0", "dashboard": "8.9.0"}
_CORE_VERSION: Final = "8.8.0"
_TIME_RANGE: Final = ("now-10d/d", "now")
_REFRESH_MS: Final = 60_000
_COLUMNS: Final = 48


def objects(prefix: str = "dms") -> list[Json]:
    """Return the saved objects: the same for the same prefix, on any day and machine.

    Args:
        prefix: first part of the indices' names; also of all ids and titles, so that two networks fit
            into one space of Kibana.

    Raises:
        ConfigError: no index can have this prefix.
    """
    prefix = Names(prefix).prefix
    view = _saved(DATA_VIEW, f"{prefix}-events", data_view(prefix), [])
    return [view, *(_dashboard(one, prefix) for one in all_dashboards())]


def dumps(saved: list[Json]) -> bytes:
    """Return the objects as NDJSON, as Kibana imports them."""
    return "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in saved).encode()


def _dashboard(dashboard: Dashboard, prefix: str) -> Json:
    references: list[Json] = []
    controls: Json = {}
    for order, control in enumerate(dashboard.controls):
        key = _slug(control.title)
        controls[key] = _control(order, key, control)
        references.append(_reference(prefix, f"controlGroup_{key}:optionsListDataView"))
    panels: list[Json] = []
    y = 0
    for row in dashboard.rows:
        width = _COLUMNS // len(row.panels)
        for n, panel in enumerate(row.panels):
            # Of the title, so that it outlives a change of the order.
            key = f"{prefix}-{dashboard.key}-{_slug(panel.title)}"
            config, layers = _embedded(panel, prefix)
            grid = {"x": n * width, "y": y, "w": width, "h": row.height, "i": key}
            kind = "visualization" if isinstance(panel, Note) else "lens"
            panels.append(_panel(key, kind, panel, grid, config))
            references += [_reference(prefix, f"{key}:{_layer_name(name)}") for name in layers]
        y += row.height
    search = {"query": {"query": "", "language": "kuery"}, "filter": []}
    attributes = {
        "title": f"{prefix.upper()} · {dashboard.title}",
        "description": dashboard.description,
        "version": 1,
        "hits": 0,
        "panelsJSON": json.dumps(panels, ensure_ascii=False),
        "optionsJSON": json.dumps(
            {
                "useMargins": True,
                "syncColors": True,
                "syncCursor": True,
                "syncTooltips": False,
                "hidePanelTitles": False,
            }
        ),
        "controlGroupInput": _control_group(controls),
        "timeRestore": True,
        "timeFrom": _TIME_RANGE[0],
        "timeTo": _TIME_RANGE[1],
        "refreshInterval": {"pause": True, "value": _REFRESH_MS},
        "kibanaSavedObjectMeta": {"searchSourceJSON": json.dumps(search)},
    }
    return _saved("dashboard", f"{prefix}-{dashboard.key}", attributes, references)


def _panel(key: str, kind: str, panel: Panel, grid: Json, config: Json) -> Json:
    if isinstance(panel, Tile | Note):  # it shows its title itself, or has none
        config["hidePanelTitles"] = True
    return {
        "version": OLDEST_KIBANA,
        "type": kind,
        "panelIndex": key,
        "title": panel.title,
        "gridData": grid,
        "embeddableConfig": config,
    }


def _embedded(panel: Panel, prefix: str) -> tuple[Json, list[str]]:
    if isinstance(panel, Note):
        return {"savedVis": markdown(_text_of(panel, prefix)), "enhancements": {}}, []
    attributes, layers = lens(panel)
    attributes["references"] = [_reference(prefix, _layer_name(name)) for name in layers]
    return {
        "attributes": attributes,
        "enhancements": {},
        "description": panel.description,
    }, layers


def _text_of(note: Note, prefix: str) -> str:
    """Return the links in a line, and the text below; Kibana's addresses are relative to its own."""
    links = [
        f"**{text}**" if key == note.here else f"[{text}](#/view/{prefix}-{key})"
        for key, text in note.links.items()
    ]
    return f"{' &nbsp;·&nbsp; '.join(links)}  \n{note.markdown}"


def _control(order: int, key: str, control: Control) -> Json:
    return {
        "order": order,
        "width": "medium",
        "grow": True,
        "type": "optionsListControl",
        "explicitInput": {
            "id": key,
            "fieldName": control.field.name,
            "title": control.title,
            "searchTechnique": "prefix",
            "selectedOptions": [],
            "enhancements": {},
        },
    }


def _control_group(controls: Json) -> Json:
    ignored = ("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations")
    return {
        "controlStyle": "oneLine",
        "chainingSystem": "HIERARCHICAL",
        "panelsJSON": json.dumps(controls),
        "ignoreParentSettingsJSON": json.dumps(dict.fromkeys(ignored, False)),
    }


def _layer_name(layer: str) -> str:
    return f"indexpattern-datasource-layer-{layer}"


def _reference(prefix: str, name: str) -> Json:
    return {"type": DATA_VIEW, "id": f"{prefix}-events", "name": name}


def _saved(kind: str, id_: str, attributes: Json, references: list[Json]) -> Json:
    return {
        "type": kind,
        "id": id_,
        "attributes": attributes,
        "references": references,
        "managed": False,
        "coreMigrationVersion": _CORE_VERSION,
        "typeMigrationVersion": _TYPE_VERSIONS[kind],
    }


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
