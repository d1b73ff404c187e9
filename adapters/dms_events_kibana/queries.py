"""What each panel asks of Elasticsearch, as a search request.

Kibana makes its requests itself, from the same buckets and measures; these are for people who want to see
the numbers behind a panel, and for the tests, which compare the numbers.
"""

from __future__ import annotations

from typing import Any, Final

from .model import (
    TIME,
    AllOf,
    Bucket,
    Condition,
    Count,
    Cumulative,
    Data,
    Formula,
    Is,
    Last,
    Not,
    OverTime,
    Percentile,
    Plain,
    Stat,
    Top,
)

__all__ = ["search_body"]

Json = dict[str, Any]

_STATS: Final = {"average": "avg", "distinct": "cardinality"}
"""Elasticsearch's names, where they are not the model's."""


def search_body(
    data: Data, *, start: str = "now-10d/d", end: str = "now", every: str = "3h"
) -> Json:
    """Return the body of a search for the numbers of a panel.

    A formula has its parts as ``<id>X0`` and ``<id>X1``. A measure of its own condition stands inside a
    filter aggregation, under ``value``.

    Args:
        data: what the panel asks for.
        start: beginning of the time range, a date or date math.
        end: end of the time range.
        every: length of an interval of time, such as ``3h``.
    """
    aggregations: Json = {}
    for id_, measure in data.measures.items():
        match measure:
            case Formula(left=left, right=right):
                aggregations[f"{id_}X0"] = _plain(left)
                if not isinstance(right, float):
                    aggregations[f"{id_}X1"] = _plain(right)
            case Cumulative(of=of):
                aggregations[id_] = {"cumulative_sum": {"buckets_path": _path(of, data)}}
            case _:
                aggregations[id_] = _plain(measure)
    for id_, bucket in reversed(list(data.buckets.items())):
        aggregations = {id_: {**_bucket(bucket, data, every), "aggs": aggregations}}
    wanted: list[Json] = [{"range": {TIME.name: {"gte": start, "lte": end}}}]
    if data.where is not None:
        wanted.append(_query(data.where))
    return {"size": 0, "query": {"bool": {"filter": wanted}}, "aggs": aggregations}


def _query(condition: Condition) -> Json:
    match condition:
        case Is(field=field, values=values):
            return {"terms": {field.name: list(values)}}
        case Not(condition=inner):
            return {"bool": {"must_not": [_query(inner)]}}
        case AllOf(conditions=conditions):
            return {"bool": {"filter": [_query(one) for one in conditions]}}


def _bucket(bucket: Bucket, data: Data, every: str) -> Json:
    match bucket:
        case OverTime():
            return {"date_histogram": {"field": TIME.name, "fixed_interval": every}}
        case Top(field=field, size=size, by=by):
            order = {_path(by, data): "desc"}
            return {"terms": {"field": field.name, "size": size, "order": order}}


def _path(id_: str, data: Data) -> str:
    """Return the path of a plain measure, as orders and pipelines have it."""
    measure = data.measures[id_]
    where = getattr(measure, "where", None)
    if where is not None:
        return f"{id_}>value"
    return "_count" if isinstance(measure, Count) else id_


def _plain(measure: Plain) -> Json:
    """Return the aggregation of a measure; every event is counted by the events' own id."""
    match measure:
        case Count():
            value: Json = {"value_count": {"field": TIME.name}}
        case Stat(operation="median", field=field):
            value = {"percentiles": {"field": field.name, "percents": [50]}}
        case Stat(operation=operation, field=field):
            value = {_STATS.get(operation, operation): {"field": field.name}}
        case Percentile(percent=percent, field=field):
            value = {"percentiles": {"field": field.name, "percents": [percent]}}
        case Last(field=field):
            latest = {TIME.name: {"order": "desc"}}
            value = {"top_hits": {"size": 1, "sort": [latest], "_source": field.name}}
    if measure.where is None:
        return value
    return {"filter": _query(measure.where), "aggs": {"value": value}}
