"""The Elasticsearch sink against a server with little room, or without one."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

from dms_events.errors import SinkError
from dms_events.sink import Document, Verdict
from dms_events_elasticsearch import ElasticsearchSink
from tests.kit.servers.elasticsearch import ElasticsearchServer, call

from .test_elasticsearch import hand_made, opened, removed, verdicts

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("elasticsearch_url")]


@pytest.fixture(scope="module")
def server() -> Iterator[ElasticsearchServer]:
    server = ElasticsearchServer(
        "thread_pool.write.size: 1",
        "thread_pool.write.queue_size: 1",
        "http.max_content_length: 64kb",
        "indexing_pressure.memory.max_operation_size: 32kb",
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
async def sink(server: ElasticsearchServer) -> AsyncIterator[ElasticsearchSink]:
    for index in call(f"{server.url}/_cat/indices/dms-*?format=json"):
        call(f"{server.url}/{index['index']}", "DELETE")
    async with opened(server.url) as sink:
        yield sink


@pytest.mark.parametrize("length", [40_000, 70_000, 1_000_000])
async def test_a_huge_document_is_rejected_and_its_neighbours_are_stored(
    sink: ElasticsearchSink, length: int
) -> None:
    batch = [removed(str(n)) for n in range(500)]
    batch[123] = hand_made("huge", json.dumps({"ServiceID": "x" * length}))
    judgements = await sink.write(batch)
    assert judgements[123].verdict is Verdict.REJECTED
    assert judgements[123].reason
    others = verdicts(judgements)[:123] + verdicts(judgements)[124:]
    assert not set(others) - {Verdict.STORED, Verdict.DUPLICATE}
    assert await sink.count() == {"elk_stats.ServiceRemove": 499}


async def test_under_overload_nothing_is_lost_and_nothing_is_stored_twice(
    sink: ElasticsearchSink,
) -> None:
    seen: Counter[Verdict] = Counter()

    async def write_all(batch: list[Document]) -> None:
        while batch:
            judgements = await sink.write(batch)
            seen.update(verdicts(judgements))
            pairs = zip(batch, judgements, strict=True)
            batch = [document for document, j in pairs if j.verdict is Verdict.RETRY]

    async with asyncio.TaskGroup() as writers:
        for writer in range(40):
            batch = [
                removed(f"{writer}.{n}", time_text=f"2026-{month:02}-05T12:00:00Z")
                for n in range(50)
                for month in (9, 10, 11)
            ]
            writers.create_task(write_all([d for n, d in enumerate(batch) if n % 3 == writer % 3]))
    assert seen[Verdict.RETRY] > 0
    assert seen[Verdict.REJECTED] == 0
    assert seen[Verdict.STORED] + seen[Verdict.DUPLICATE] == 40 * 50
    assert await sink.count() == {"elk_stats.ServiceRemove": 40 * 50}


async def test_a_month_whose_index_cannot_be_made_yet_is_for_later(
    sink: ElasticsearchSink, server: ElasticsearchServer
) -> None:
    def allow(shards: int | None) -> None:
        settings = {"cluster.max_shards_per_node": shards}
        call(f"{server.url}/_cluster/settings", "PUT", {"persistent": settings})

    await sink.write([removed("1")])
    next_month = removed("2", time_text="2026-10-05T12:00:00Z")
    allow(1)
    try:
        judgements = await sink.write([removed("3"), next_month])
    finally:
        allow(None)
    assert verdicts(judgements) == [Verdict.STORED, Verdict.RETRY]
    assert verdicts(await sink.write([next_month])) == [Verdict.STORED]


async def test_what_was_stored_survives_a_kill_and_the_rest_is_for_later(
    sink: ElasticsearchSink, server: ElasticsearchServer
) -> None:
    before = [removed(f"before{n}") for n in range(100)]
    during = [removed(f"during{n}") for n in range(100)]
    assert verdicts(await sink.write(before)) == [Verdict.STORED] * 100
    server.kill()
    try:
        assert verdicts(await sink.write(during)) == [Verdict.RETRY] * 100
        with pytest.raises(SinkError):
            await sink.count()
        with pytest.raises(SinkError, match="connecting"):
            await ElasticsearchSink(server.url).open()
    finally:
        server.start()
    assert verdicts(await sink.write(before)) == [Verdict.DUPLICATE] * 100
    assert verdicts(await sink.write(during)) == [Verdict.STORED] * 100
    assert await sink.count() == {"elk_stats.ServiceRemove": 200}
