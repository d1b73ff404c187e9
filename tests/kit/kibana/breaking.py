"""Our own file of dashboards, with its strings of JSON read, to be altered and written again."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from dms_events_kibana import dumps, objects

__all__ = ["File", "columns_of", "layers_of", "picture_of"]

Json = dict[str, Any]


@cache
def _ours() -> bytes:
    return dumps(objects())


class File:
    """The saved objects; ``panels`` and ``controls`` of each dashboard are written back as strings."""

    def __init__(self) -> None:
        self.saved: list[Json] = [json.loads(line) for line in _ours().splitlines()]
        self.view: Json = self.saved[0]
        self.dashboards: dict[str, Json] = {
            one["id"].removeprefix("dms-"): one for one in self.saved[1:]
        }
        self.panels: dict[str, list[Json]] = {}
        self.controls: dict[str, Json] = {}
        for key, one in self.dashboards.items():
            self.panels[key] = json.loads(one["attributes"]["panelsJSON"])
            self.controls[key] = json.loads(one["attributes"]["controlGroupInput"]["panelsJSON"])

    def panel(self, key: str, title: str) -> Json:
        """A panel by its title."""
        [found] = [panel for panel in self.panels[key] if panel.get("title") == title]
        return found

    def text(self) -> str:
        """The file as NDJSON; a string that was altered itself stays as it was altered."""
        unaltered = {one["id"]: one for one in map(json.loads, _ours().splitlines())}
        for key, one in self.dashboards.items():
            attributes, before = one["attributes"], unaltered[f"dms-{key}"]["attributes"]
            group = attributes["controlGroupInput"]
            if attributes.get("panelsJSON") == before["panelsJSON"]:
                attributes["panelsJSON"] = json.dumps(self.panels[key])
            if group.get("panelsJSON") == before["controlGroupInput"]["panelsJSON"]:
                group["panelsJSON"] = json.dumps(self.controls[key])
        return dumps(self.saved).decode()


def layers_of(panel: Json) -> Json:
    """The layers of a Lens panel."""
    layers: Json = panel["embeddableConfig"]["attributes"]["state"]["datasourceStates"][
        "formBased"
    ]["layers"]
    return layers


def columns_of(panel: Json, layer: str = "main") -> Json:
    """The columns of a layer of a Lens panel."""
    columns: Json = layers_of(panel)[layer]["columns"]
    return columns


def picture_of(panel: Json) -> Json:
    """How a Lens panel is drawn."""
    picture: Json = panel["embeddableConfig"]["attributes"]["state"]["visualization"]
    return picture
