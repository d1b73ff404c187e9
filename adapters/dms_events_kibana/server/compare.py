"""Our saved objects against those that a Kibana has: where somebody changed something by hand.

Kibana adds settings of its own when it saves, and leaves out empty ones. So everything that we wrote is
compared, what is empty counts as absent, and what Kibana has beside it does not count, except panels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Set
from typing import Any, Final

import msgspec

__all__ = ["Difference", "converted", "differences"]

Json = dict[str, Any]

_STRINGS: Final = frozenset(
    {"panelsJSON", "optionsJSON", "ignoreParentSettingsJSON", "searchSourceJSON"}
    | {"fieldAttrs", "fieldFormatMap", "runtimeFieldMap", "sourceFilters", "typeMeta", "fields"}
)
"""Attributes that are strings of JSON."""
_KIBANAS_OWN: Final = frozenset({"version", "hits", "enhancements"})
"""Keys that say nothing of what a person sees."""
_LONGEST: Final = 80


class Difference(msgspec.Struct, frozen=True):
    """One thing that Kibana has otherwise."""

    object: str
    """Title of the dashboard or the data view."""
    panel: str
    """Title of the panel; empty if it is not about a panel."""
    setting: str
    """Keys that lead to what differs; empty if the whole is missing or was added."""
    ours: str
    theirs: str


def differences(ours: list[Json], theirs: list[Json]) -> list[Difference]:
    """Return what differs, at most one difference a panel."""
    there = {(one["type"], one["id"]): one for one in theirs}
    found: list[Difference] = []
    for one in ours:
        title = str(one["attributes"].get("name") or one["attributes"]["title"])
        other = there.get((one["type"], one["id"]))
        if other is None:
            found.append(Difference(title, "", "", "there", "missing"))
            continue
        mine, its = _read(one["attributes"]), _read(other.get("attributes", {}))
        my_panels, its_panels = _panels(mine), _panels(its)
        for setting, wanted, present in _compared(mine, its):
            found.append(Difference(title, "", setting, wanted, present))
        found += _panel_differences(title, my_panels, its_panels)
        gone = my_panels.keys() - its_panels.keys()
        found += _reference_differences(title, one, other, gone)
    return found


def converted(ours: list[Json], theirs: list[Json]) -> bool:
    """True if Kibana stores an object in a newer form than ours, so that keys may differ by its doing."""
    forms = {(one["type"], one["id"]): one.get("typeMigrationVersion") for one in ours}
    return any(
        one.get("typeMigrationVersion") != forms.get((one["type"], one["id"])) for one in theirs
    )


def _panel_differences(title: str, ours: Json, theirs: Json) -> Iterator[Difference]:
    for key, panel in ours.items():
        if key not in theirs:
            yield Difference(title, panel["title"], "", "there", "missing")
        elif found := next(_compared(panel, theirs[key]), None):
            yield Difference(title, panel["title"], *found)
    for key, panel in theirs.items():
        if key not in ours:
            yield Difference(title, str(panel.get("title") or key), "", "not there", "added")


def _reference_differences(
    title: str, ours: Json, theirs: Json, gone: Set[str]
) -> Iterator[Difference]:
    """Yield the first reference that is lost; those of panels that are gone went with them."""
    there = {one.get("name"): one.get("id") for one in theirs.get("references", [])}
    kept = [one for one in ours["references"] if one["name"].partition(":")[0] not in gone]
    lost = [one for one in kept if there.get(one["name"]) != one["id"]]
    if lost:
        reference = lost[0]
        present = str(there.get(reference["name"], "missing"))
        yield Difference(title, "", f"references.{reference['name']}", reference["id"], present)


def _read(value: Any) -> Any:
    """Return the value with its strings of JSON read; one that is no JSON stays a string."""
    if isinstance(value, list):
        return [_read(one) for one in value]
    if not isinstance(value, dict):
        return value
    read: Json = {}
    for key, inner in value.items():
        if key in _STRINGS and isinstance(inner, str):
            try:
                read[key] = json.loads(inner)
            except ValueError:
                read[key] = inner
        else:
            read[key] = _read(inner)
    return read


def _panels(attributes: Json) -> Json:
    """Take the panels out of a dashboard's attributes, by their ids; a data view has none."""
    panels = attributes.pop("panelsJSON", [])
    if not isinstance(panels, list):
        return {}
    return {str(panel.get("panelIndex")): panel for panel in panels if isinstance(panel, dict)}


def _compared(ours: Any, theirs: Any, place: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield setting, our value and theirs of all that we have and they have otherwise."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key not in _KIBANAS_OWN:
                yield from _compared(value, theirs.get(key), f"{place}.{key}" if place else key)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for n, (value, other) in enumerate(zip(ours, theirs, strict=True)):
            yield from _compared(value, other, f"{place}[{n}]")
    elif (ours or theirs) and ours != theirs:
        yield place, _short(ours), _short(theirs)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
