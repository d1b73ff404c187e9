"""A month whose index takes nothing holds back its own documents, and no others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import dms_events
from dms_events import Bus, Forwarder, OutgoingMessage
from dms_events.sink import Verdict
from dms_events.types.elk_stats import ServiceRemove
from dms_events_nats import NatsServer
from tests.kit.programs.processes import until
from tests.kit.servers.elasticsearch import call
from tests.kit.servers.operator import at
from tests.unit.worker.forwarding import forwarding
from tests.unit.worker.scripted_sink import Lines, ScriptedSink

INDEX = "dms-elk_stats.service_remove"


def of_month(bus: Bus, month: str, count: int) -> list[OutgoingMessage]:
    return [
        bus.prepare(
            ServiceRemove(service_id=f"{month}/{n}", timestamp=1.0),
            id=f"{month}/{n}",
            time=f"2025-{month}-05T12:00:00Z",
        )
        for n in range(count)
    ]


@contextmanager
def write_blocked(url: str) -> Iterator[None]:
    call(f"{url}/_settings", "PUT", {"index.blocks.write": True})
    try:
        yield
    finally:
        call(f"{url}/_settings", "PUT", {"index.blocks.write": None})


@pytest.mark.slow
@pytest.mark.xdist_group("elasticsearch_url")
async def test_a_month_that_is_write_blocked_holds_back_only_its_own_documents(
    nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    blocked, others = f"{empty_elasticsearch_url}/{INDEX}-2025.10", 3000
    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.sink_for(empty_elasticsearch_url) as sink,
    ):
        call(blocked, "PUT", {})
        forwarder = Forwarder(bus, sink)
        with write_blocked(blocked):
            mixed = [*of_month(bus, "10", 1500), *of_month(bus, "11", others)]
            mixed.sort(key=lambda message: message.id[3:])
            await bus.publish_many(mixed)
            async with forwarding(forwarder):
                await until(lambda: forwarder.stats.stored == others, "the other month is stored")
                await until(lambda: forwarder.stats.again > 3000, "the blocked ones come again")
                assert forwarder.stats.stored == others
        forwarder = Forwarder(bus, sink)
        forwarder.drain()
        async with asyncio.timeout(60):
            stats = await forwarder.run()
        assert (stats.stored, stats.duplicates) == (1500, 0)
        assert await sink.count() == {"elk_stats.ServiceRemove": 1500 + others}
        assert [letter async for letter in bus.dead_letters.find()] == []


async def test_half_of_the_messages_that_may_be_unsettled_is_a_warning_and_a_figure(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    sink = ScriptedSink({f"10/{n}": Lines(Verdict.STORED, retries=10**6) for n in range(100)})
    async with dms_events.connect(nats_server.url) as bus, at(nats_server.url) as operator:
        async with bus.subscribe("elk_stats.*", durable="dms-events-sink"):
            pass
        await operator.change_consumer("dms-events-sink", max_ack_pending=40)
        forwarder = Forwarder(bus, sink, batch=10, linger_s=0.01)
        async with forwarding(forwarder):
            await bus.publish_many(of_month(bus, "10", 19))
            await until(lambda: forwarder.stats.delayed > 17, "they wait")
            assert "given back for later" not in caplog.text
            await bus.publish_many(of_month(bus, "10", 30)[19:])
            await until(lambda: "given back for later" in caplog.text, "that is half of them")
            assert forwarder.stats.delayed >= 20
            assert caplog.text.count("at most 40 may be unsettled (max_ack_pending") == 1
