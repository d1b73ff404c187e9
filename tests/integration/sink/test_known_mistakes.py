"""Eight ways in which other sinks of Elasticsearch lost or doubled data, by their issue trackers."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest

import dms_events
from dms_events import Bus, Forwarder, OutgoingMessage, Stats
from dms_events.sink import Remark, SinkVerdict, Verdict
from dms_events.types.elk_stats import NewService, ServiceRemove
from dms_events_elasticsearch import ElasticsearchSink
from dms_events_nats import NatsServer
from tests.kit.programs.processes import until
from tests.kit.servers.elasticsearch import ElasticsearchServer, call
from tests.kit.servers.elasticsearch_fixtures import SecuredElasticsearch, emptied
from tests.kit.servers.http_proxy import proxied
from tests.kit.servers.scripted_elasticsearch import documents, server, sink_at
from tests.kit.storing import adds_up
from tests.unit.worker.forwarding import forwarding

from .test_elasticsearch import opened

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("elasticsearch_url")]

NAME = "dms-elk_stats.service_remove"
INDEX = f"{NAME}-2025.11"
TIME = "2025-11-05T12:00:00Z"


def removals(bus: Bus, *services: str) -> list[OutgoingMessage]:
    """One event for each service, which is its id too."""
    return [
        bus.prepare(ServiceRemove(service_id=one, timestamp=1.0), id=one, time=TIME)
        for one in services
    ]


def numbers(count: int) -> list[str]:
    return [str(number) for number in range(count)]


async def drained(bus: Bus, sink: ElasticsearchSink, durable: str = "sink") -> Stats:
    forwarder = Forwarder(bus, sink, durable=durable)
    forwarder.drain()
    async with asyncio.timeout(60):
        return await forwarder.run()


def ids_in(url: str) -> list[str]:
    call(f"{url}/dms-*/_refresh", "POST")
    found = call(f"{url}/dms-*/_search?size=10000")
    return sorted(hit["_source"]["event"]["id"] for hit in found["hits"]["hits"])


async def letters_in(bus: Bus) -> dict[str, str]:
    """The reasons of the dead letters, by id."""
    return {letter.id: letter.reason async for letter in bus.dead_letters.find()}


async def test_1_an_answer_200_that_hides_429_of_single_items_drops_no_document(
    nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    block = f"{empty_elasticsearch_url}/{INDEX}/_settings"
    async with (
        dms_events.connect(nats_server.url) as bus,
        opened(empty_elasticsearch_url) as sink,
    ):
        call(f"{empty_elasticsearch_url}/{INDEX}", "PUT")
        call(block, "PUT", {"index.blocks.read_only_allow_delete": True})
        await bus.publish_many(removals(bus, *numbers(50)))
        forwarder = Forwarder(bus, sink)
        async with forwarding(forwarder):
            await until(lambda: forwarder.stats.again >= 50, "each is refused with 429")
            assert forwarder.stats.stored == forwarder.stats.rejected == 0
            call(block, "PUT", {"index.blocks.read_only_allow_delete": None})
            await until(lambda: forwarder.stats.stored == 50, "each is stored")
        assert await letters_in(bus) == {}
    assert ids_in(empty_elasticsearch_url) == sorted(numbers(50))


async def test_2_a_409_on_its_own_id_is_success_at_a_restart_and_a_conflict_of_others_is_not(
    nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    pipeline = f"{empty_elasticsearch_url}/_ingest/pipeline/dms-test"
    same = {"set": {"field": "_id", "value": "same", "if": "ctx.ServiceID.startsWith('s')"}}
    call(pipeline, "PUT", {"processors": [same]})
    async with (
        dms_events.connect(nats_server.url) as bus,
        opened(empty_elasticsearch_url) as sink,
    ):
        call(
            f"{empty_elasticsearch_url}/{INDEX}",
            "PUT",
            {"settings": {"index.default_pipeline": "dms-test"}},
        )
        await bus.publish_many(removals(bus, *numbers(50)))
        first = await drained(bus, sink, "first")
        again = await drained(bus, sink, "second")
        assert (first.stored, again.duplicates, again.again, again.rejected) == (50, 50, 0, 0)
        await bus.publish_many(removals(bus, "s1", "s2"))
        stats = await drained(bus, sink, "first")
        letters = await letters_in(bus)
    assert (stats.stored, stats.duplicates, stats.renamed, stats.rejected) == (1, 0, 2, 1)
    assert list(letters) == ["s2"]
    assert "the _id of another document" in letters["s2"]


async def test_3_an_answer_that_does_not_come_in_time_doubles_nothing(
    nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    async with (
        opened(empty_elasticsearch_url),
        proxied(empty_elasticsearch_url) as proxy,
        dms_events.connect(nats_server.url) as bus,
        opened(proxy.url, timeout_s=4.0) as sink,
    ):
        proxy.spoils = ["held"]
        await bus.publish_many(removals(bus, *numbers(50)))
        stats = await drained(bus, sink)
    assert (stats.unsure, stats.duplicates) == (len(proxy.spoilt), 0)
    assert ids_in(empty_elasticsearch_url) == sorted(numbers(50))


async def test_4_a_request_too_large_is_split_and_a_document_too_large_is_a_dead_letter(
    nats_server: NatsServer, tight_elasticsearch: ElasticsearchServer
) -> None:
    def service(id: str, size: int) -> OutgoingMessage:
        event = NewService(
            service_id=id, service_name="n", service_description="z" * size, timestamp=1.0
        )
        return bus.prepare(event, id=id, time=TIME)

    url = emptied(tight_elasticsearch.url)
    async with dms_events.connect(nats_server.url) as bus, opened(url) as sink:
        await bus.publish_many([service(number, 1000) for number in numbers(300)])
        await bus.publish_many([service("huge", 100_000), service("last", 1000)])
        stats = await drained(bus, sink)
        letters = await letters_in(bus)
    assert (stats.stored, stats.rejected, stats.again) == (301, 1, 0)
    assert list(letters) == ["huge"]
    assert "413" in letters["huge"]
    assert ids_in(url) == sorted([*numbers(300), "last"])


async def test_5_a_poison_document_blocks_no_other(
    nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    services = ["poison" if n % 10 == 3 else str(n) for n in range(100)]
    async with (
        dms_events.connect(nats_server.url) as bus,
        opened(empty_elasticsearch_url) as sink,
    ):
        mapping = {"properties": {"ServiceID": {"type": "integer", "ignore_malformed": False}}}
        call(f"{empty_elasticsearch_url}/{INDEX}", "PUT", {"mappings": mapping})
        await bus.publish_many(
            bus.prepare(ServiceRemove(service_id=one, timestamp=1.0), id=str(n), time=TIME)
            for n, one in enumerate(services)
        )
        stats = await drained(bus, sink)
        letters = await letters_in(bus)
    assert (stats.stored, stats.rejected, stats.again) == (90, 10, 0)
    assert sorted(letters) == sorted(str(n) for n in range(3, 100, 10))
    assert all("failed to parse field [ServiceID]" in reason for reason in letters.values())


@pytest.mark.xdist_group("secured_elasticsearch")
@pytest.mark.parametrize("status", [401, 403])
async def test_6_while_a_key_is_replaced_documents_wait(
    nats_server: NatsServer,
    secured_elasticsearch: SecuredElasticsearch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    file = tmp_path / "key"
    key_id, key = secured_elasticsearch.api_key()
    _, may_read = secured_elasticsearch.api_key(
        cluster=["all"], index=[{"names": ["dms-*"], "privileges": ["read"]}]
    )
    file.write_text(key)
    options: Any = {"api_key": file, "ca_certs": secured_elasticsearch.ca_certs}
    async with (
        dms_events.connect(nats_server.url) as bus,
        opened(secured_elasticsearch.url, **options) as sink,
    ):
        forwarder = Forwarder(bus, sink)
        services = [f"{status}/{number}" for number in numbers(60)]
        await bus.publish_many(removals(bus, *services[:30]))
        async with forwarding(forwarder):
            await until(lambda: forwarder.stats.stored == 30, "the first are stored")
            if status == 401:
                secured_elasticsearch.revoke(key_id)
            else:
                file.write_text(may_read)
            await bus.publish_many(removals(bus, *services[30:]))
            await until(lambda: f"{status} security_exception" in caplog.text, "it is refused")
            file.write_text(secured_elasticsearch.api_key()[1])
            await until(lambda: forwarder.stats.stored == 60, "the others are stored")
        assert await letters_in(bus) == {}


async def test_7_counters_count_documents_and_not_batches(
    nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        opened(empty_elasticsearch_url) as sink,
    ):
        mapping = {"properties": {"ServiceID": {"type": "integer"}}}
        call(f"{empty_elasticsearch_url}/{INDEX}", "PUT", {"mappings": mapping})
        await bus.publish_many(removals(bus, "1", "2", "3"))
        assert (await drained(bus, sink, "other")).stored == 3
        await bus.publish_many(removals(bus, "bad", "4", "worse", "5"))
        stats = await drained(bus, sink)
    assert adds_up(stats)
    assert stats.by_type == {
        "elk_stats.ServiceRemove": {"handled": 2, "duplicates": 3, "rejected": 2}
    }


async def test_8_a_failure_store_that_hides_a_refusal_is_told() -> None:
    """From an answer as told: the server of these tests has no data streams."""

    def bulk(ids: list[str]) -> tuple[int, object]:
        items: list[dict[str, object]] = [{"_id": id, "status": 201} for id in ids]
        items[1]["failure_store"] = "used"
        return 200, {"errors": False, "items": [{"create": item} for item in items]}

    async with server(bulk) as url, sink_at(url) as sink:
        first, second, third = await sink.write(documents(3))
    assert first == third == SinkVerdict(Verdict.STORED)
    assert (second.verdict, second.remark) == (Verdict.REJECTED, Remark.FAILURE_STORE)
