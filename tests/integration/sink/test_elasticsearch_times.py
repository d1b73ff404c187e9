"""Events of any time: each in its month, and its `Timestamp` a date where it can be one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from dms_events.sink import Verdict, document_of
from dms_events.types.elk_stats import ServiceRemove
from tests.kit.documents.messages import STORED
from tests.kit.servers.elasticsearch import call

from .test_elasticsearch import Message, opened

INDEX = "dms-elk_stats.service_remove-2026.11"


async def written(url: str, *timestamps: float) -> list[dict[str, Any]]:
    """The documents of events with these timestamps, as the server returns them."""
    async with opened(url) as sink:
        events = [ServiceRemove(service_id="s", timestamp=timestamp) for timestamp in timestamps]
        batch = [document_of(Message(event, f"{n:04}")) for n, event in enumerate(events)]
        assert {judged.verdict for judged in await sink.write(batch)} == {Verdict.STORED}
        await sink.count()
    found = call(f"{url}/{INDEX}/_search", "POST", {"size": 1000, "sort": "event.id"})
    hits: list[dict[str, Any]] = found["hits"]["hits"]
    return hits


async def test_a_timestamp_in_seconds_is_aggregated_as_a_date(empty_elasticsearch_url: str) -> None:
    await written(empty_elasticsearch_url, 1795801658.53, 1790500000.0, 0.0, -86400.5)
    months = {"date_histogram": {"field": "Timestamp", "calendar_interval": "month"}}
    query = {"size": 0, "aggs": {"months": months}}
    found = call(f"{empty_elasticsearch_url}/{INDEX}/_search", "POST", query)
    counts = {
        bucket["key_as_string"]: bucket["doc_count"]
        for bucket in found["aggregations"]["months"]["buckets"]
        if bucket["doc_count"]
    }
    assert counts == {"-2678400": 1, "0": 1, "1788220800": 1, "1793491200": 1}


async def test_a_timestamp_that_is_no_date_stays_in_the_document(
    empty_elasticsearch_url: str,
) -> None:
    timestamps = [-0.0, -1.0, 1e-7, 5e-324, 1e16, 3.4e38, -3.4e38]
    hits = await written(empty_elasticsearch_url, *timestamps)
    assert [hit["_source"]["Timestamp"] for hit in hits] == timestamps
    assert [hit["_ignored"] for hit in hits] == [["Timestamp"]] * len(timestamps)


async def test_each_event_is_in_the_month_of_its_time_or_of_its_storing(
    empty_elasticsearch_url: str,
) -> None:
    month_of = {
        "late": ("2020-01-01T00:00:00Z", "2020.01"),
        "in another month": ("2026-10-31T23:59:59.999999999Z", "2026.10"),
        "in another zone": ("2026-11-01T01:00:00+02:00", "2026.10"),
        "a day ahead": ((STORED + timedelta(days=1)).isoformat(), "2026.11"),
        "in the future": ("2027-01-01T00:00:00Z", "2026.11"),
        "absurd": ("9999-12-31T23:59:59Z", "2026.11"),
        "before all": ("0001-01-01T00:00:00Z", "2026.11"),
        "missing": ("", "2026.11"),
    }
    event = ServiceRemove(service_id="s", timestamp=0.0)
    async with opened(empty_elasticsearch_url) as sink:
        batch = [
            document_of(Message(event, name, time_text=text))
            for name, (text, _) in month_of.items()
        ]
        for verdict in (Verdict.STORED, Verdict.DUPLICATE):
            assert {judged.verdict for judged in await sink.write(batch)} == {verdict}
        await sink.count()
    found = call(f"{empty_elasticsearch_url}/dms-*/_search", "POST", {"size": 100})
    indices = {hit["_id"]: hit["_index"].rpartition("-")[2] for hit in found["hits"]["hits"]}
    assert indices == {name: month for name, (_, month) in month_of.items()}
