"""Layers of a panel: the columns that are asked for together, and a layer's copy under other ids."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec

from .columns import Columns

__all__ = ["Drawn", "apart", "is_hidden", "layer"]

Json = dict[str, Any]


class Drawn(msgspec.Struct, frozen=True):
    """A panel as Lens has it: the kind of picture, its settings, and its layers by name."""

    kind: str
    visualization: Json
    layers: dict[str, Json]


def layer(columns: Columns, **more: Any) -> Json:
    """Return a layer of these columns."""
    return {
        "columns": columns,
        "columnOrder": list(columns),
        "incompleteColumns": {},
        "sampling": 1,
        **more,
    }


def is_hidden(id_: str, columns: Columns) -> bool:
    """True if a column only serves a formula."""
    return columns[id_]["operationType"] == "math" or any(
        column["operationType"] == "math" and id_ in column["references"]
        for column in columns.values()
    )


def apart(columns: Columns, name: str) -> Columns:
    """Return the columns under ids of their own: Lens mixes up the labels of ids that layers share."""
    ids = {id_: f"{name}-{id_}" for id_ in columns}
    renamed: Columns = {}
    for id_, column in columns.items():
        copy = deepcopy(column)
        if "references" in copy:
            copy["references"] = [ids[reference] for reference in copy["references"]]
        if ast := copy["params"].get("tinymathAst"):
            ast["args"] = [ids.get(arg, arg) for arg in ast["args"]]
        if by := copy["params"].get("orderBy"):
            by["columnId"] = ids[by["columnId"]]
        renamed[ids[id_]] = copy
    return renamed
