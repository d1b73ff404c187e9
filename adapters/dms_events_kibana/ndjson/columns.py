"""Buckets and measures as the columns of a Lens layer."""

from __future__ import annotations

from typing import Any, Final

from ..model import (
    TIME,
    Bucket,
    Condition,
    Count,
    Cumulative,
    Data,
    Field,
    Format,
    Formula,
    Last,
    Measure,
    OverTime,
    Percentile,
    Plain,
    Stat,
    Top,
)
from .kql import kql

__all__ = ["Columns", "columns_of", "number_format"]

Json = dict[str, Any]
Columns = dict[str, Json]
"""Columns by id, in the order of Lens: buckets from the outermost to the innermost, then measures."""

_EVENTS: Final = "___records___"
_OPERATIONS: Final = {"distinct": "unique_count"}
"""Lens's names, where they are not the model's."""


def columns_of(data: Data) -> Columns:
    """Return the columns of a layer; a formula brings hidden columns along."""
    columns = {id_: _bucket(bucket) for id_, bucket in data.buckets.items()}
    for id_, measure in data.measures.items():
        columns.update(_measure(id_, measure))
    return columns


def number_format(format: Format) -> Json:
    """Return the format of a column's numbers."""
    params: Json = {"decimals": format.decimals}
    if format.suffix:
        params["suffix"] = format.suffix
    return {"id": format.kind, "params": params}


def _bucket(bucket: Bucket) -> Json:
    match bucket:
        case OverTime():
            params: Json = {"interval": "auto", "includeEmptyRows": True, "dropPartials": False}
            return _column("date_histogram", TIME.name, params, bucketed="interval", kind="date")
        case Top(field=field, label=label):
            params = {
                "size": bucket.size,
                "orderBy": {"type": "column", "columnId": bucket.by},
                "orderDirection": "desc",
                "otherBucket": bucket.other,
                "missingBucket": False,
                "parentFormat": {"id": "terms"},
                "include": [],
                "exclude": [],
                "includeIsRegex": False,
                "excludeIsRegex": False,
            }
            return _column("terms", field.name, params, label, bucketed="ordinal", kind="string")


def _measure(id_: str, measure: Measure) -> Columns:
    match measure:
        case Formula():
            return _formula(id_, measure)
        case Cumulative(of=of, label=label, format=format):
            column = _column("cumulative_sum", None, {"format": number_format(format)}, label)
            return {id_: {**column, "references": [of]}}
        case _:
            return {id_: _plain(measure)}


def _plain(measure: Plain) -> Json:
    params: Json = {"format": number_format(measure.format)}
    match measure:
        case Count():
            column = _column("count", _EVENTS, {"emptyAsNull": False, **params}, measure.label)
        case Stat(operation=operation, field=field):
            empty = {"emptyAsNull": operation not in {"sum", "distinct"}}
            name = _OPERATIONS.get(operation, operation)
            if field.kind == "time":
                column = _column(name, field.name, empty, measure.label, kind="date")
            else:
                column = _column(name, field.name, {**empty, **params}, measure.label)
        case Percentile(percent=percent, field=field):
            params = {"percentile": percent, **params}
            column = _column("percentile", field.name, params, measure.label)
        case Last(field=field):
            column = _last(field, measure)
    return {**column, **_filter(measure.where)}


def _last(field: Field, measure: Last) -> Json:
    # With array values Lens asks for top_hits; without, for top_metrics, which reads numbers only
    # in some editions of the server.
    params: Json = {"sortField": TIME.name, "showArrayValues": True}
    if field.kind == "number":
        params["format"] = number_format(measure.format)
        return _column("last_value", field.name, params, measure.label)
    column = _column("last_value", field.name, params, measure.label, kind="string")
    return {**column, "scale": "ordinal"}


def _formula(id_: str, formula: Formula) -> Columns:
    columns: Columns = {}
    args: list[str | float] = []
    texts: list[str] = []
    for n, part in enumerate((formula.left, formula.right)):
        if isinstance(part, float):
            args.append(part)
            texts.append(f"{part:g}" if part < 1e6 else f"{part:.0f}")
        else:
            args.append(f"{id_}X{n}")
            texts.append(_call(part))
            columns[f"{id_}X{n}"] = {**_plain(part), "label": f"Part of {formula.label}"}
    text = {"divide": " / ", "multiply": " * "}[formula.operation].join(texts)
    math = f"{id_}X{len(args)}"
    whole = {"min": 0, "max": len(text)}
    ast = {
        "type": "function",
        "name": formula.operation,
        "args": args,
        "location": whole,
        "text": text,
    }
    columns[math] = {
        **_column("math", None, {"tinymathAst": ast}, f"Part of {formula.label}"),
        "references": list(columns),
    }
    params = {"formula": text, "isFormulaBroken": False, "format": number_format(formula.format)}
    columns[id_] = {**_column("formula", None, params, formula.label), "references": [math]}
    return columns


def _call(part: Count | Stat | Percentile) -> str:
    """Return the measure in the language of Lens's formulas."""
    match part:
        case Count():
            name, args = "count", []
        case Stat(operation=operation, field=field):
            name, args = _OPERATIONS.get(operation, operation), [field.name]
        case Percentile(percent=percent, field=field):
            name, args = "percentile", [field.name, f"percentile={percent}"]
    if part.where is not None:
        args.append(f"kql='{kql(part.where)}'")
    return f"{name}({', '.join(args)})"


def _filter(where: Condition | None) -> Json:
    return {} if where is None else {"filter": {"language": "kuery", "query": kql(where)}}


def _column(
    operation: str,
    field: str | None,
    params: Json,
    label: str = "",
    *,
    bucketed: str = "",
    kind: str = "number",
) -> Json:
    """Return a column; ``bucketed`` is the scale of a bucket, and measures have one of their own."""
    column: Json = {"label": label or field}
    if label:
        column["customLabel"] = True
    column |= {
        "dataType": kind,
        "isBucketed": bool(bucketed),
        "scale": bucketed or "ratio",
        "operationType": operation,
        "params": params,
    }
    return column if field is None else {**column, "sourceField": field}
