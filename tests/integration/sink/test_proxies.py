"""From a real stream into a real Elasticsearch behind a proxy that spoils requests and answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

import dms_events
from dms_events import Forwarder, Stats
from dms_events.types.elk_stats import NewService
from dms_events_elasticsearch import ElasticsearchSink
from dms_events_nats import NatsServer
from tests.kit.programs.processes import until
from tests.kit.servers.elasticsearch import call, counted
from tests.kit.servers.http_proxy import Proxy, proxied
from tests.kit.storing import adds_up, prepared
from tests.unit.worker.forwarding import forwarding

from .test_blocked_month import of_month, write_blocked
from .test_elasticsearch import opened

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("elasticsearch_url")]


@pytest.fixture
async def proxy(empty_elasticsearch_url: str) -> AsyncIterator[Proxy]:
    async with opened(empty_elasticsearch_url):  # it installs the templates, which may take a while
        pass
    async with proxied(empty_elasticsearch_url) as proxy:
        yield proxy


async def drained(bus: dms_events.Bus, sink: ElasticsearchSink, batch: int = 1000) -> Stats:
    forwarder = Forwarder(bus, sink, batch=batch)
    forwarder.drain()
    async with asyncio.timeout(60):
        return await forwarder.run()


async def test_a_proxy_that_resets_large_requests_costs_a_few_requests(
    nats_server: NatsServer, empty_elasticsearch_url: str, proxy: Proxy
) -> None:
    proxy.most_bytes = 1_000_000
    services = [
        NewService(
            service_id=str(n), service_name="n", service_description="z" * 5000, timestamp=1.0
        )
        for n in range(1500)
    ]
    async with dms_events.connect(nats_server.url) as bus, opened(proxy.url) as sink:
        await bus.publish_many(services)
        stats = await drained(bus, sink)
    assert (stats.stored, stats.duplicates, stats.unsure, stats.again) == (1500, 0, 0, 0)
    assert stats.unavailable == 0
    assert 0 < proxy.resets < 12
    assert counted(empty_elasticsearch_url) == 1500


async def test_answers_that_are_lost_cut_held_or_replaced_lose_and_double_nothing(
    nats_server: NatsServer, empty_elasticsearch_url: str, proxy: Proxy
) -> None:
    proxy.spoils = ["lost", "cut", "held", "page", "502", "lost", "lost"]
    async with (
        dms_events.connect(nats_server.url) as bus,
        opened(proxy.url, timeout_s=4.0) as sink,
    ):
        await bus.publish_many(prepared(bus, 900))
        stats = await drained(bus, sink, batch=100)
        assert [letter async for letter in bus.dead_letters.find()] == []
    assert proxy.spoils == []
    assert adds_up(stats), stats
    assert (stats.stored, stats.unsure) == (900 - len(proxy.spoilt), len(proxy.spoilt))
    assert (stats.duplicates, stats.again) == (0, 0)
    assert counted(empty_elasticsearch_url) == 900


async def test_a_second_reason_of_a_wait_is_said_too(
    nats_server: NatsServer,
    empty_elasticsearch_url: str,
    proxy: Proxy,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    index = f"{empty_elasticsearch_url}/dms-elk_stats.service_remove-2025.11"
    call(index, "PUT", {})
    async with dms_events.connect(nats_server.url) as bus, opened(proxy.url) as sink:
        proxy.refuses = True
        await bus.publish_many(of_month(bus, "11", 50))
        forwarder = Forwarder(bus, sink)
        async with forwarding(forwarder):
            await until(lambda: "wait for the sink" in caplog.text, "the first reason is said")
            assert "writing: 503" in caplog.text
            with write_blocked(index):
                proxy.refuses = False
                await until(lambda: "cluster_block_exception" in caplog.text, "so is the second")
            await until(lambda: forwarder.stats.stored == 50, "they are stored")
    assert "the sink takes documents again" in caplog.text
