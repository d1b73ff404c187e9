"""The `Timestamp` of an event: a date where it can be one, and never a reason to refuse the event."""

from __future__ import annotations

from typing import Any

from dms_events.sink import Verdict, document_of
from dms_events.types.elk_stats import ServiceRemove
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
