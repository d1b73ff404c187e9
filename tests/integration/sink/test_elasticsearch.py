"""The Elasticsearch sink against a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from dms_events import registry
from dms_events.sink import Document, SinkVerdict, Verdict, dataset_of, document_of
from dms_events.types.elk_stats import NewService, ServiceCall, ServiceRemove
from dms_events_elasticsearch import ElasticsearchSink
from dms_events_elasticsearch.setup.templates import (
    TEMPLATE_VERSION,
    index_template,
    index_templates,
)
from tests.kit.documents import messages
from tests.kit.servers.elasticsearch import call

NOVEMBER = datetime(2026, 11, 5, 12, tzinfo=UTC)


@dataclass
class Message(messages.Message):
    """A message of November."""

    time_text: str = "2026-11-05T12:00:00.123456789Z"
    source: str = "12D3KooWSource"


def removed(id: str, service: str = "service", **about: Any) -> Document:
    return document_of(Message(ServiceRemove(service_id=service, timestamp=1.7e9), id, **about))


def hand_made(id: str, body: str) -> Document:
    return msgspec.structs.replace(removed(id), body=body.encode())


def verdicts(judgements: Sequence[SinkVerdict]) -> list[Verdict]:
    return [judgement.verdict for judgement in judgements]


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[ElasticsearchSink]:
    sink = ElasticsearchSink(url, **options)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


@pytest.fixture
async def sink(empty_elasticsearch_url: str) -> AsyncIterator[ElasticsearchSink]:
    async with opened(empty_elasticsearch_url) as sink:
        yield sink


async def test_what_is_written_twice_is_stored_once(sink: ElasticsearchSink) -> None:
    batch = [removed(str(n)) for n in range(2_000)]
    assert set(verdicts(await sink.write(batch))) == {Verdict.STORED}
    assert set(verdicts(await sink.write(batch))) == {Verdict.DUPLICATE}
    assert await sink.count() == {"elk_stats.ServiceRemove": 2_000}


async def test_the_same_id_twice_in_one_batch_is_stored_once(sink: ElasticsearchSink) -> None:
    judgements = await sink.write([removed("same"), removed("same")])
    assert verdicts(judgements) == [Verdict.STORED, Verdict.DUPLICATE]


async def test_a_batch_in_many_requests_is_judged_as_one(empty_elasticsearch_url: str) -> None:
    batch = [removed(str(n % 90)) for n in range(100)]
    async with opened(empty_elasticsearch_url, max_bulk_bytes=2_000) as sink:
        judgements = await sink.write(batch)
    assert verdicts(judgements) == [Verdict.STORED] * 90 + [Verdict.DUPLICATE] * 10


async def test_nothing_is_counted_before_anything_is_stored(sink: ElasticsearchSink) -> None:
    assert await sink.write([]) == []
    assert await sink.count() == {}


async def test_documents_are_counted_by_type(sink: ElasticsearchSink) -> None:
    service = NewService(service_id="s", service_name="n", service_description="d", timestamp=1.7e9)
    await sink.write([removed("1"), removed("2"), document_of(Message(service, "3"))])
    assert await sink.count() == {"elk_stats.ServiceRemove": 2, "elk_stats.NewService": 1}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"ServiceID":"s","Misspelt":1}', "strict_dynamic_mapping_exception"),
        ('{"dms":{"misspelt":1}}', "strict_dynamic_mapping_exception"),
        ('{"@timestamp":"tomorrow"}', "failed to parse date field"),
        ('{"event":{"ingested":"soon"}}', "failed to parse field [event.ingested]"),
        ("[]", "document_parsing_exception"),
        ("", "document_parsing_exception"),
        ('{}\n{"delete":{"_index":"dms-elk_stats.service_remove-2026.11","_id":"first"}}', "400"),
    ],
)
async def test_one_bad_document_is_rejected_alone(
    sink: ElasticsearchSink, body: str, reason: str
) -> None:
    judgements = await sink.write([removed("first"), hand_made("bad", body), removed("last")])
    assert verdicts(judgements) == [Verdict.STORED, Verdict.REJECTED, Verdict.STORED]
    assert reason in judgements[1].reason
    assert await sink.count() == {"elk_stats.ServiceRemove": 2}


async def test_an_id_that_no_request_may_hold_is_rejected_alone(sink: ElasticsearchSink) -> None:
    judgements = await sink.write([*(removed(str(n)) for n in range(20)), removed("x" * 513)])
    assert verdicts(judgements)[-1] is Verdict.REJECTED
    assert not set(verdicts(judgements)[:-1]) - {Verdict.STORED, Verdict.DUPLICATE}
    assert await sink.count() == {"elk_stats.ServiceRemove": 20}


async def test_the_month_of_the_event_decides_the_index(
    sink: ElasticsearchSink, empty_elasticsearch_url: str
) -> None:
    batch = [
        removed("october", time_text="2026-10-31T23:59:59.999999Z"),
        removed("november", time_text="2026-11-01T00:00:00Z"),
    ]
    assert verdicts(await sink.write(batch)) == [Verdict.STORED] * 2
    assert verdicts(await sink.write(batch)) == [Verdict.DUPLICATE] * 2
    indices = call(f"{empty_elasticsearch_url}/_cat/indices/dms-*?format=json")
    assert sorted(index["index"] for index in indices) == [
        "dms-elk_stats.service_remove-2026.10",
        "dms-elk_stats.service_remove-2026.11",
    ]


EXTREMES: dict[Any, list[Any]] = {
    float: [0.0, -0.0, 1e-300, 16777217.25, 3.4028235e38, -3.4028235677e38],
    int: [0, -(2**31), 2**31 - 1, 1, 2, 3],
    str: ["", "x" * 40_000, "\x00", "é\U0001f600" * 9_000, "\n", '"'],
}


@pytest.mark.parametrize("type_name", registry.matching("elk_stats.*"))
async def test_every_event_that_can_be_made_is_stored(
    sink: ElasticsearchSink, type_name: str
) -> None:
    batch = []
    for n in range(6):
        event = msgspec.convert(extreme(registry.get(type_name), n), registry.get(type_name))
        batch.append(document_of(Message(event, f"{type_name}{n}")))
    assert [(j.verdict, j.reason) for j in await sink.write(batch)] == [(Verdict.STORED, "")] * 6
    assert await sink.count() == {type_name: 6}


def extreme(type_: type[msgspec.Struct], n: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(type_):
        kind = getattr(field.type, "__origin__", field.type)
        values[field.encode_name] = EXTREMES[kind][n] if kind in EXTREMES else extreme(kind, n)
    return values


async def test_a_call_is_found_by_its_full_number_and_by_its_key(
    sink: ElasticsearchSink, empty_elasticsearch_url: str
) -> None:
    event = ServiceCall(
        call_id=16777217.0,
        peer_id_of_service_host="host",
        service_id="s",
        cpu_used=1.0,
        max_ram=1.0,
        memory_used=1.0,
        network_bw_used=1.0,
        time_taken=1.0,
        status="running",
        amount_of_ntx=1,
        timestamp=1793880000.5,
    )
    await sink.write([document_of(Message(event, "1"))])
    await sink.count()
    for field, value in [
        ("CallID", 16777217.0),
        ("Timestamp", "1793880000.5"),
        ("dms.call_key", "16777216"),
        ("@timestamp", "2026-11-05T12:00:00.123456Z"),
    ]:
        found = call(
            f"{empty_elasticsearch_url}/dms-*/_search",
            "POST",
            {"query": {"term": {field: value}}},
        )
        assert found["hits"]["total"]["value"] == 1, field


async def test_opening_installs_the_templates_and_replaces_only_older_ones_of_ours(
    empty_elasticsearch_url: str,
) -> None:
    url = f"{empty_elasticsearch_url}/_index_template"

    def templates() -> dict[str, Any]:
        found = call(f"{url}/dms-*")["index_templates"]
        return {entry["name"]: entry["index_template"] for entry in found}

    def version(template: dict[str, Any]) -> Any:
        return template.get("_meta", {}).get("dms_events")

    changed = {}
    for type_name, meta in [
        ("elk_stats.ServiceCall", {"dms_events": TEMPLATE_VERSION - 1}),
        ("elk_stats.ServiceStatus", {"dms_events": TEMPLATE_VERSION + 1}),
        ("elk_stats.NewService", {"owner": "the operator"}),
    ]:
        changed[type_name] = name = f"dms-{dataset_of(type_name)}"
        call(f"{url}/{name}", "PUT", {**index_template(type_name), "_meta": meta})
    async with opened(empty_elasticsearch_url):
        installed = templates()
    assert set(installed) == set(index_templates())
    assert version(installed[changed["elk_stats.ServiceCall"]]) == TEMPLATE_VERSION
    assert version(installed[changed["elk_stats.ServiceStatus"]]) == TEMPLATE_VERSION + 1
    assert version(installed[changed["elk_stats.NewService"]]) is None


async def test_an_index_that_is_blocked_is_for_later_and_a_closed_one_as_it_is_set(
    sink: ElasticsearchSink, empty_elasticsearch_url: str
) -> None:
    await sink.write([removed("1")])
    index = f"{empty_elasticsearch_url}/{removed('1').index}"
    for block in ("write", "read_only_allow_delete"):
        call(f"{index}/_settings", "PUT", {f"index.blocks.{block}": True})
        assert verdicts(await sink.write([removed("2")])) == [Verdict.RETRY]
        call(f"{index}/_settings", "PUT", {f"index.blocks.{block}": None})
    call(f"{index}/_close", "POST")
    [judgement] = await sink.write([removed("2")])
    assert judgement.verdict is Verdict.RETRY
    assert "index_closed_exception" in judgement.reason
    async with opened(empty_elasticsearch_url, wait_for_closed=False) as other:
        [judgement] = await other.write([removed("2")])
    assert judgement.verdict is Verdict.REJECTED
    assert "index_closed_exception" in judgement.reason
