"""An answer of Elasticsearch to the request of a panel, as rows of numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dms_events_kibana.model import Count, Data, Formula, Last, OverTime, Percentile, Stat

__all__ = ["Row", "rows_of"]

Json = dict[str, Any]
Row = tuple[Any, ...]
"""The keys of the buckets, from the outermost to the innermost, and the values of the measures."""


def rows_of(data: Data, answer: Json) -> list[Row]:
    """One row for each innermost bucket, in the order of the answer; times are milliseconds."""
    assert not answer["timed_out"]
    assert answer["_shards"]["failed"] == 0, answer["_shards"]
    return list(_rows(data, list(data.buckets), answer["aggregations"]))


def _rows(data: Data, left: list[str], found: Json) -> Iterator[Row]:
    if not left:
        yield tuple(_measure(id_, measure, found) for id_, measure in data.measures.items())
        return
    id_, *inner = left
    for bucket in found[id_]["buckets"]:
        key = int(bucket["key"]) if isinstance(data.buckets[id_], OverTime) else bucket["key"]
        yield from ((key, *row) for row in _rows(data, inner, bucket))


def _measure(id_: str, measure: object, found: Json) -> Any:
    match measure:
        case Formula(operation=operation, left=left, right=right):
            one = _plain(found[f"{id_}X0"], left)
            other = right if isinstance(right, float) else _plain(found[f"{id_}X1"], right)
            if one is None or not other:
                return None
            return one / other if operation == "divide" else one * other
        case _:
            return _plain(found[id_], measure)


def _plain(found: Json, measure: Any) -> Any:
    if getattr(measure, "where", None) is not None:
        found = found["value"]
    match measure:
        case Percentile() | Stat(operation="median"):
            [value] = found["values"].values()
            return value
        case Last(field=field):
            hits = found["hits"]["hits"]
            return _inside(hits[0]["_source"], field.name) if hits else None
        case Count():
            return int(found["value"])
    return found["value"]


def _inside(source: Any, name: str) -> Any:
    for key in name.split("."):
        source = source[key]
    return source
