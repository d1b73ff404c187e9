"""Faults of the columns of a Lens layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .fields import DATES, NUMBERS, mapped_types

__all__ = ["column_findings"]

Json = dict[str, Any]

_KEYS = frozenset(["label", "dataType", "isBucketed", "scale", "operationType", "params"])
_KEYWORD = frozenset({"keyword"})
_ANY = NUMBERS | DATES | _KEYWORD
# The mapped types that an operation takes, and the parameters without which it fails.
_OF_FIELDS: dict[str, tuple[frozenset[str], tuple[str, ...]]] = {
    "terms": (_KEYWORD, ("size", "orderBy", "orderDirection", "otherBucket", "missingBucket")),
    "date_histogram": (DATES, ("interval",)),
    "sum": (NUMBERS, ()),
    "average": (NUMBERS, ()),
    "median": (NUMBERS, ()),
    "max": (NUMBERS | DATES, ()),
    "unique_count": (_ANY, ()),
    "percentile": (NUMBERS, ("percentile",)),
    "last_value": (_ANY, ("sortField", "showArrayValues")),
}
_OF_COLUMNS = frozenset({"formula", "math", "cumulative_sum"})
_BUCKETS = frozenset({"terms", "date_histogram"})
_DATA_TYPES = {
    "keyword": "string",
    **dict.fromkeys(NUMBERS, "number"),
    **dict.fromkeys(DATES, "date"),
}
_MADE_NUMBERS = frozenset({"unique_count", "count", *_OF_COLUMNS})
_SIGNS = {"divide": "/", "multiply": "*"}


def column_findings(layer: Json) -> Iterator[str]:
    """The faults of a layer's columns and of their order."""
    columns, order = layer["columns"], layer["columnOrder"]
    yield from _order_findings(columns, order)
    for id_, column in columns.items():
        operation = column.get("operationType")
        if missing := _KEYS - column.keys():
            yield f"column {id_} lacks {sorted(missing)}"
        elif operation == "count":
            if column.get("sourceField") != "___records___":
                yield f"column {id_} counts something else than events"
        elif operation in _OF_FIELDS:
            yield from _field_findings(id_, column)
        elif operation in _OF_COLUMNS:
            yield from _reference_findings(id_, column, columns)
        else:
            yield f"column {id_}: the operation {operation!r} is unknown"
            continue
        if column.get("isBucketed", operation in _BUCKETS) != (operation in _BUCKETS):
            yield f"column {id_}: isBucketed is wrong for {operation}"
        by = column.get("params", {}).get("orderBy")
        if by and by["columnId"] not in columns:
            yield f"column {id_} is ordered by {by['columnId']!r}, which is no column"
        elif by and columns[by["columnId"]].get("operationType") in _OF_COLUMNS:
            yield f"column {id_} is ordered by {by['columnId']!r}, which Elasticsearch cannot order by"


def _order_findings(columns: Json, order: list[str]) -> Iterator[str]:
    if sorted(order) != sorted(columns):
        yield f"columnOrder is {order}, the columns are {list(columns)}"
        return
    ranks = {"terms": 0, "date_histogram": 1}
    found = [ranks.get(columns[id_].get("operationType"), 2) for id_ in order]
    if found != sorted(found):
        yield "columnOrder is not: terms, then the date, then measures"


def _field_findings(id_: str, column: Json) -> Iterator[str]:
    operation, field = column["operationType"], column.get("sourceField", "")
    taken, params = _OF_FIELDS[operation]
    types = mapped_types(field)
    if not types:
        yield f"column {id_}: no index has the field {field!r}"
        return
    if len(types) > 1:
        yield f"column {id_}: the indices map {field} as {sorted(types)}"
    if not types <= taken:
        yield f"column {id_}: {operation} does not take {field}, which is {sorted(types)}"
        return
    if missing := [name for name in params if name not in column["params"]]:
        yield f"column {id_}: {operation} lacks {missing}"
    if (
        operation == "last_value"
        and not mapped_types(column["params"].get("sortField", "")) <= DATES
    ):
        yield f"column {id_}: it is sorted by something else than a date"
    wanted = "number" if operation in _MADE_NUMBERS else _DATA_TYPES[next(iter(types))]
    if column["dataType"] != wanted:
        yield f"column {id_}: dataType is not {wanted}"


def _reference_findings(id_: str, column: Json, columns: Json) -> Iterator[str]:
    references = column.get("references", [])
    if not references or not set(references) <= columns.keys():
        yield f"column {id_} refers to {references}, which are not all columns"
        return
    if column["operationType"] == "math":
        named = [arg for arg in column["params"]["tinymathAst"]["args"] if isinstance(arg, str)]
        if named != references:
            yield f"column {id_}: its formula takes {named}, it refers to {references}"
    if column["operationType"] == "formula":
        [math] = references
        if columns[math].get("operationType") != "math":
            yield f"column {id_}: {math} is no math column"
        elif column["params"]["formula"] != (meant := _text_of(columns[math], columns)):
            yield f"column {id_}: its text is not what its columns compute: {meant}"


def _text_of(math: Json, columns: Json) -> str:
    """The formula that the hidden columns make."""
    ast = math["params"]["tinymathAst"]
    parts = [
        (_call(columns[arg]) if arg in columns else arg) if isinstance(arg, str) else f"{arg:.0f}"
        for arg in ast["args"]
    ]
    return f" {_SIGNS.get(ast['name'], '?')} ".join(parts)


def _call(column: Json) -> str:
    args = [] if column["operationType"] == "count" else [column["sourceField"]]
    if column["operationType"] == "percentile":
        args.append(f"percentile={column['params']['percentile']}")
    if "filter" in column:
        args.append(f"kql='{column['filter']['query']}'")
    return f"{column['operationType']}({', '.join(args)})"
