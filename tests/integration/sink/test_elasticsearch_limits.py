"""The Elasticsearch sink against a server with little room, or without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from signal import SIGTERM

import pytest

import dms_events
from dms_events.errors import SinkError
from dms_events.sink import Document, SinkUnavailableError, SinkVerdict, Verdict
from dms_events_elasticsearch import ElasticsearchSink
from dms_events_nats import NatsServer
from tests.kit.programs.processes import running
from tests.kit.servers.elasticsearch import ElasticsearchServer, call
from tests.kit.servers.operator import at
from tests.kit.storing import prepared, tally_in

from .test_elasticsearch import hand_made, opened, removed, verdicts
from .test_endings import LONG_END

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("elasticsearch_url")]


@pytest.fixture
async def sink(tight_elasticsearch: ElasticsearchServer) -> AsyncIterator[ElasticsearchSink]:
    for index in call(f"{tight_elasticsearch.url}/_cat/indices/dms-*?format=json"):
        call(f"{tight_elasticsearch.url}/{index['index']}", "DELETE")
    async with opened(tight_elasticsearch.url) as sink:
        yield sink


async def write_until_judged(
    sink: ElasticsearchSink, batch: list[Document]
) -> tuple[dict[str, SinkVerdict], int]:
    """Write again what is for later, as a forwarder does. The last verdicts, and how many were RETRY."""
    judged: dict[str, SinkVerdict] = {}
    for_later = 0
    async with asyncio.timeout(60):
        while batch:
            answers: Sequence[SinkVerdict | None]
            try:
                answers = await sink.write(batch)
            except SinkUnavailableError as unavailable:
                answers = unavailable.verdicts
            judged |= {d.id: j for d, j in zip(batch, answers, strict=False) if j}
            batch = [
                d for d in batch if d.id not in judged or judged[d.id].verdict is Verdict.RETRY
            ]
            for_later += len(batch)
    return judged, for_later


@pytest.mark.parametrize("length", [40_000, 70_000, 1_000_000])
async def test_a_huge_document_is_rejected_and_its_neighbours_are_stored(
    sink: ElasticsearchSink, length: int
) -> None:
    batch = [removed(str(n)) for n in range(500)]
    batch[123] = hand_made("huge", json.dumps({"ServiceID": "x" * length}))
    judged, _ = await write_until_judged(sink, batch)
    huge = judged.pop("huge")
    assert huge.verdict is Verdict.REJECTED
    assert huge.reason
    assert not set(verdicts(list(judged.values()))) - {Verdict.STORED, Verdict.DUPLICATE}
    assert await sink.count() == {"elk_stats.ServiceRemove": 499}


async def test_under_overload_nothing_is_lost_and_nothing_is_stored_twice(
    sink: ElasticsearchSink,
) -> None:
    async with asyncio.TaskGroup() as writers:
        writing = []
        for writer in range(40):
            batch = [
                removed(f"{writer}.{n}", time_text=f"2026-{month:02}-05T12:00:00Z")
                for n in range(50)
                for month in (9, 10, 11)
            ]
            own = [d for n, d in enumerate(batch) if n % 3 == writer % 3]
            writing.append(writers.create_task(write_until_judged(sink, own)))
    results = [task.result() for task in writing]
    seen = [verdict for judged, _ in results for verdict in verdicts(list(judged.values()))]
    assert sum(for_later for _, for_later in results) > 0
    assert len(seen) == 40 * 50
    assert not set(seen) - {Verdict.STORED, Verdict.DUPLICATE}
    assert await sink.count() == {"elk_stats.ServiceRemove": 40 * 50}


async def test_a_month_whose_index_cannot_be_made_yet_is_for_later(
    sink: ElasticsearchSink, tight_elasticsearch: ElasticsearchServer
) -> None:
    def allow(shards: int | None) -> None:
        settings = {"cluster.max_shards_per_node": shards}
        call(f"{tight_elasticsearch.url}/_cluster/settings", "PUT", {"persistent": settings})

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
    sink: ElasticsearchSink, tight_elasticsearch: ElasticsearchServer
) -> None:
    before = [removed(f"before{n}") for n in range(100)]
    during = [removed(f"during{n}") for n in range(100)]
    assert verdicts(await sink.write(before)) == [Verdict.STORED] * 100
    tight_elasticsearch.kill()
    try:
        with pytest.raises(SinkUnavailableError):
            await sink.write(during)
        with pytest.raises(SinkError):
            await sink.count()
        with pytest.raises(SinkError, match="connecting"):
            await ElasticsearchSink(tight_elasticsearch.url).open()
    finally:
        tight_elasticsearch.start()
    assert verdicts(await sink.write(before)) == [Verdict.DUPLICATE] * 100
    assert verdicts(await sink.write(during)) == [Verdict.STORED] * 100
    assert await sink.count() == {"elk_stats.ServiceRemove": 200}


async def test_a_forwarder_ends_within_its_drain_while_the_server_stands_still(
    sink: ElasticsearchSink, tight_elasticsearch: ElasticsearchServer, nats_server: NatsServer
) -> None:
    words = (
        "sink",
        "run",
        "--from",
        nats_server.url,
        "--to",
        tight_elasticsearch.url,
        "--drain",
        "13",
        "--batch",
        "100",
        "--json",
    )
    async with dms_events.connect(nats_server.url) as bus, running(*LONG_END, *words) as command:
        await bus.publish_many(prepared(bus, 10))
        async with asyncio.timeout(30):
            while not await has_documents(sink):  # noqa: ASYNC110 - only the server knows
                await asyncio.sleep(0.1)
        with tight_elasticsearch.frozen():
            await bus.publish_many(prepared(bus, 500, first=10))
            await in_hand(nats_server.url, 300)
            command.send(SIGTERM)
            done = await command.finish()
    assert done.code == 0, done
    stats = tally_in(done.out)
    assert stats.stored == 10
    assert stats.returned == stats.received - 10 >= 300


async def has_documents(sink: ElasticsearchSink) -> bool:
    with suppress(SinkError):  # the server has begun to make the index
        return bool(await sink.count())
    return False


async def in_hand(url: str, count: int) -> None:
    """Wait until a forwarder has so many."""
    async with at(url) as operator, asyncio.timeout(30):
        while True:
            info = await operator.api("CONSUMER.INFO.DMS_EVENTS.dms-events-sink")
            if info["num_ack_pending"] >= count:
                return
            await asyncio.sleep(0.05)
