"""Indices of an earlier release go on under this one, which has a field more and maps one otherwise."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from dms_events.sink import Document, SinkVerdict, Verdict, document_of
from dms_events.types.elk_stats import ServiceRemove
from dms_events_elasticsearch.setup.templates import fields_of_index
from tests.kit.documents.messages import Message
from tests.kit.servers.elasticsearch import call

from .test_elasticsearch import opened

TYPE = "elk_stats.ServiceRemove"
NAME = "dms-elk_stats.service_remove"
MONTHS = ("2026.10", "2026.11")


def removed(id: str, month: str) -> Document:
    event = ServiceRemove(service_id="s", timestamp=1.7e9)
    return document_of(
        Message(
            event,
            id,
            transport_source="node",
            time_text=f"{month.replace('.', '-')}-05T12:00:00Z",
        )
    )


def of_before() -> dict[str, Any]:
    """The template of version 1, in one piece."""
    properties = copy.deepcopy(fields_of_index(TYPE))
    properties["Timestamp"] = {"type": "double"}
    del properties["dms"]["properties"]["source_from"]
    return {
        "index_patterns": [f"{NAME}-*"],
        "priority": 500,
        "template": {"mappings": {"dynamic": "strict", "properties": properties}},
        "_meta": {"dms_events": 1},
    }


def mapping(url: str, month: str) -> dict[str, Any]:
    index = f"{NAME}-{month}"
    found: dict[str, Any] = call(f"{url}/{index}/_mapping")[index]["mappings"]["properties"]
    return found


@pytest.fixture
def url(empty_elasticsearch_url: str) -> str:
    """A server with two months of an earlier release."""
    call(f"{empty_elasticsearch_url}/_index_template/{NAME}", "PUT", of_before())
    for month in MONTHS:
        call(f"{empty_elasticsearch_url}/{NAME}-{month}", "PUT", {})
        assert "source_from" not in mapping(empty_elasticsearch_url, month)["dms"]["properties"]
    return empty_elasticsearch_url


def outcome(judgements: list[SinkVerdict]) -> list[tuple[Verdict, str]]:
    return [(judgement.verdict, judgement.reason) for judgement in judgements]


async def test_an_index_of_an_earlier_release_takes_the_documents_of_this_one(url: str) -> None:
    before = mapping(url, "2026.10")
    for _ in range(2):  # the second time nothing is left to add
        async with opened(url) as sink:
            batch = [removed(month, month) for month in MONTHS]
            assert all(
                verdict in (Verdict.STORED, Verdict.DUPLICATE)
                for verdict, _ in outcome(list(await sink.write(batch)))
            )
            assert await sink.count() == {TYPE: 2}
        after = mapping(url, "2026.10")
        assert after["dms"]["properties"].pop("source_from")["type"] == "keyword"
        assert after == before
    query = {"query": {"term": {"dms.source_from": "transport"}}}
    found = call(f"{url}/dms-*/_search", "POST", query)
    assert found["hits"]["total"]["value"] == 2


async def test_a_month_that_is_blocked_keeps_no_other_from_going_on(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    block = f"{url}/{NAME}-2026.10/_settings"
    call(block, "PUT", {"index.blocks.read_only": True})
    try:
        async with opened(url) as sink:
            written = list(await sink.write([removed("1", "2026.11")]))
            assert outcome(written) == [(Verdict.STORED, "")]
    finally:
        call(block, "PUT", {"index.blocks.read_only": None})
    assert f"adding fields to {NAME}-2026.10" in caplog.text
    async with opened(url) as sink:
        assert outcome(list(await sink.write([removed("2", "2026.10")]))) == [(Verdict.STORED, "")]


async def test_an_index_of_somebody_elses_template_stays_as_it_is(url: str) -> None:
    call(f"{url}/_index_template/{NAME}", "PUT", {**of_before(), "_meta": {"owner": "operator"}})
    async with opened(url):
        pass
    assert "source_from" not in mapping(url, "2026.11")["dms"]["properties"]
