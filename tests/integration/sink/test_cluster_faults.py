"""A fault of the cluster makes no dead letters: documents wait, and are stored once it is mended.

The answers are those of a real server; `docs/design/elasticsearch-bulk.md` has the table.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError

import pytest

from dms_events.sink import Remark, SinkVerdict, Verdict
from dms_events_elasticsearch import ElasticsearchSink
from tests.kit.servers.elasticsearch import call

from .test_elasticsearch import hand_made, opened, removed, verdicts

pytestmark = pytest.mark.slow

INDEX = removed("1").index
Ask = Callable[..., Any]
PIPELINE = "dms-test"
SHARD_S = 4.0
"""For one request: the server waits for a shard for half of it, or less."""


@pytest.fixture
def ask(empty_elasticsearch_url: str) -> Ask:
    def ask(path: str, method: str = "PUT", body: object = None) -> Any:
        return call(f"{empty_elasticsearch_url}/{path}", method, body)

    with suppress(HTTPError):
        ask(f"_ingest/pipeline/{PIPELINE}", "DELETE")
    return ask


@pytest.fixture
async def sink(ask: Ask, empty_elasticsearch_url: str) -> AsyncIterator[ElasticsearchSink]:
    async with opened(empty_elasticsearch_url) as sink:
        yield sink


def pipe(ask: Ask, *processors: dict[str, Any]) -> None:
    ask(f"_ingest/pipeline/{PIPELINE}", "PUT", {"processors": list(processors)})
    ask(INDEX, "PUT", {"settings": {"index.default_pipeline": PIPELINE}})


def unpipe(ask: Ask) -> None:
    ask(f"{INDEX}/_settings", "PUT", {"index.default_pipeline": "_none"})


def settings(name: str, value: object) -> Callable[[Ask], None]:
    return lambda ask: ask(f"{INDEX}/_settings", "PUT", {name: value})


def alias_of_two(ask: Ask) -> None:
    for name in ("dms-old-1", "dms-old-2"):
        ask(name, "PUT", {"aliases": {INDEX: {}}})


def write_index(ask: Ask) -> None:
    ask(f"dms-old-2/_alias/{INDEX}", "PUT", {"is_write_index": True})


def closed(ask: Ask) -> None:
    ask(INDEX)
    ask(f"{INDEX}/_close", "POST")


FAULTS: dict[str, tuple[Callable[[Ask], object], Callable[[Ask], object], str]] = {
    "alias": (alias_of_two, write_index, "no write index is defined"),
    "pipeline": (
        lambda ask: ask(INDEX, "PUT", {"settings": {"index.default_pipeline": "nowhere"}}),
        unpipe,
        "pipeline with id [nowhere] does not exist",
    ),
    "fail": (lambda ask: pipe(ask, {"fail": {"message": "no"}}), unpipe, "fail_processor"),
    "script": (
        lambda ask: pipe(ask, {"script": {"source": "ctx.x = 1 / ctx.nothing"}}),
        unpipe,
        "script_exception",
    ),
    "closed": (closed, lambda ask: ask(f"{INDEX}/_open", "POST"), "index_closed_exception"),
    "routing": (
        lambda ask: ask(INDEX, "PUT", {"mappings": {"_routing": {"required": True}}}),
        lambda ask: ask(INDEX, "DELETE"),
        "routing_missing_exception",
    ),
    "shard": (
        lambda ask: ask(
            f"{INDEX}?wait_for_active_shards=0",
            "PUT",
            {"settings": {"index.routing.allocation.require.x": "y"}},
        ),
        settings("index.routing.allocation.require.x", None),
        "unavailable_shards_exception",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_document_waits_while_its_index_cannot_take_it_and_others_do_not(
    ask: Ask, empty_elasticsearch_url: str, fault: str
) -> None:
    break_, mend, reason = FAULTS[fault]
    other = removed("2", time_text="2026-10-05T12:00:00Z")
    async with opened(
        empty_elasticsearch_url
    ) as sink:  # templates and a month take a while to make
        await sink.write([removed("0", time_text="2026-10-05T12:00:00Z")])
    async with opened(empty_elasticsearch_url, timeout_s=SHARD_S) as sink:
        break_(ask)
        try:
            later, fine = await sink.write([removed("1"), other])
        finally:
            mend(ask)
        assert later.verdict is Verdict.RETRY
        assert reason in later.reason
        assert fine.verdict in {Verdict.STORED, Verdict.DUPLICATE}
    async with opened(empty_elasticsearch_url) as sink:
        assert verdicts(await sink.write([removed("1")])) == [Verdict.STORED]


async def test_a_pipeline_that_drops_documents_is_told_apart(
    sink: ElasticsearchSink, ask: Ask
) -> None:
    pipe(ask, {"drop": {"if": "ctx.ServiceID == 'bad'"}})
    first, second = await sink.write([removed("1"), removed("2", "bad")])
    assert first == SinkVerdict(Verdict.STORED)
    assert (second.verdict, second.remark) == (Verdict.REJECTED, Remark.LEFT_OUT)
    assert await sink.count() == {"elk_stats.ServiceRemove": 1}


async def test_a_pipeline_that_renames_documents_is_told_apart(
    sink: ElasticsearchSink, ask: Ask
) -> None:
    pipe(ask, {"set": {"field": "_id", "value": "{{{ServiceID}}}"}})
    first, second = await sink.write([removed("1", "same"), removed("2", "same")])
    assert (first.verdict, first.remark) == (Verdict.STORED, Remark.RENAMED)
    assert (second.verdict, second.remark) == (Verdict.REJECTED, Remark.RENAMED)
    assert "the _id of another document" in second.reason


async def test_a_document_that_a_processor_cannot_read_is_its_own_fault(
    sink: ElasticsearchSink, ask: Ask
) -> None:
    pipe(ask, {"date": {"field": "ServiceID", "formats": ["ISO8601"]}})
    [judged] = await sink.write([hand_made("1", '{"ServiceID":"no date"}')])
    assert judged.verdict is Verdict.REJECTED
    assert "unable to parse date [no date]" in judged.reason
