"""A consumer that is changed, paused or lost under its reader: it is said, and reading goes on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import dms_events
from dms_events import Bus, Subscription, TransportError
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from dms_events_nats.read import pull
from tests.contract.places import collect
from tests.kit.programs.processes import until
from tests.kit.servers.cluster import nats_cluster
from tests.kit.servers.link import linked
from tests.kit.servers.operator import Operator, at
from tests.kit.storing import call

FILTER = "dms.events.elk_stats.ServiceCall.>"


def reader(bus: Bus, durable: str | None = "billing") -> Subscription[ServiceCall]:
    """It looks at its consumer twice in an ack wait."""
    return bus.subscribe(ServiceCall, durable=durable, ack_wait_s=1)


async def names(operator: Operator) -> list[str]:
    """The consumers of the events."""
    found: list[str] = (await operator.api("CONSUMER.NAMES.DMS_EVENTS"))["consumers"]
    return found


async def more_than(requests: int, operator: Operator, consumer: str) -> None:
    """Wait until the server has more pull requests than that."""
    async with asyncio.timeout(30):
        while True:
            info = await operator.api(f"CONSUMER.INFO.DMS_EVENTS.{consumer}")
            if info["num_waiting"] > requests:
                return
            await asyncio.sleep(0.1)


async def said(caplog: pytest.LogCaptureFixture, text: str, within_s: float = 10) -> None:
    await until(lambda: text in caplog.text, f"it says {text!r}", within_s)


async def test_a_filter_that_is_changed_under_a_reader_is_said_once(
    nats_server: NatsServer, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    async with dms_events.connect(nats_server.url) as bus, reader(bus):
        other = "dms.events.elk_stats.NtxPayment.>"
        await operator.change_consumer("billing", filter_subjects=[other])
        await said(caplog, f"was edited and reads {other} now")
        await operator.change_consumer("billing", filter_subjects=[FILTER], filter_subject="")
        until_s = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        await operator.api("CONSUMER.PAUSE.DMS_EVENTS.billing", {"pause_until": until_s})
        await said(caplog, "is paused for 3")
    assert caplog.text.count("was edited") == 1
    assert "nats consumer resume DMS_EVENTS billing" in caplog.text


@asynccontextmanager
async def away(server: NatsServer, store: Path) -> AsyncIterator[Operator]:
    """Somebody at the store of a server that its readers cannot reach meanwhile."""
    await server.kill()
    async with NatsServer(store) as other, at(other.url) as operator:
        yield operator
    await server.start()


async def test_a_durable_that_is_made_again_while_its_reader_is_away_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = tmp_path / "nats"
    async with (
        NatsServer(store) as server,
        dms_events.connect(server.url) as bus,
        reader(bus) as messages,
    ):
        await messages.backlog()  # it is answered after the first look
        async with away(server, store) as operator:
            config = await operator.consumer("billing")
            await operator.api("CONSUMER.DELETE.DMS_EVENTS.billing")
            del config["name"]
            await operator.make_consumer("billing", **config)
        await said(caplog, "the durable billing was deleted and made again")


async def test_a_durable_that_is_edited_to_lose_messages_ends_its_reader(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with dms_events.connect(nats_server.url) as bus, reader(bus) as messages:
        await operator.change_consumer("billing", headers_only=True)
        with pytest.raises(TransportError, match=r"headers_only True.*Edit it back"):
            async with asyncio.timeout(10):
                await anext(messages)


async def test_a_reader_without_a_durable_whose_consumer_is_gone_goes_on_where_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As it goes when the reader's machine slept for longer than the server keeps such a consumer."""
    store = tmp_path / "nats"
    async with (
        NatsServer(store) as server,
        dms_events.connect(server.url) as bus,
        reader(bus, durable=None) as messages,
        bus.subscribe(ServiceCall, start="new", ack_wait_s=1) as new,
    ):
        await bus.publish_many(call(n) for n in range(10))
        assert [m.event.call_id for m in await collect(messages, 10)] == [*range(10)]
        async with away(server, store) as operator:
            for name in await names(operator):
                await operator.api(f"CONSUMER.DELETE.DMS_EVENTS.{name}")
        await bus.publish_many(call(n) for n in range(10, 20))
        later = await collect(messages, 10, within_s=20)
        assert [m.event.call_id for m in later] == [*range(10, 20)]
        assert [m.event.call_id for m in await collect(new, 20, within_s=20)] == [*range(20)]
    assert caplog.text.count("goes on with a new one") == 2


@pytest.mark.slow
async def test_a_reader_without_a_durable_outlives_the_node_that_had_its_consumer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        nats_cluster(tmp_path) as cluster,
        dms_events.connect(cluster.url, replicas=3) as bus,
        reader(bus, durable=None) as messages,
    ):
        await cluster.caught_up("DMS_EVENTS")
        await bus.publish_many(call(n) for n in range(10))
        taken = await collect(messages, 10)
        assert [m.event.call_id for m in taken] == [*range(10)]
        async with at(cluster.url) as operator:
            [consumer] = await names(operator)
        node = await cluster.leader("DMS_EVENTS", consumer)
        await cluster.nodes[node].kill()
        with caplog.at_level(logging.WARNING):
            await bus.publish_many(call(n) for n in range(10, 20))
            later = await collect(messages, 10, within_s=40)
        assert [m.event.call_id for m in later] == [*range(10, 20)]
        assert "goes on with a new one" in caplog.text


@pytest.mark.slow
async def test_a_reader_without_a_durable_keeps_its_consumer_when_links_die_under_it(
    nats_server: NatsServer,
    operator: Operator,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of two links dies while it asks about its consumer, and takes the answer with it."""
    monkeypatch.setattr(pull, "_HEARTBEAT_S", 0.4)
    async with (
        linked(nats_server.url) as link,
        dms_events.connect(link.url, link_timeout_s=3, ping_interval_s=1) as bus,
        reader(bus, durable=None) as messages,
    ):
        before = await names(operator)
        for requests in (2, 4):
            link.stall_old()
            # The server keeps the requests of the dead link. The reader sends others once its question
            # has no answer.
            await more_than(requests, operator, before[0])
        await bus.publish(call(1))
        assert [m.event.call_id for m in await collect(messages, 1)] == [1.0]
        assert await names(operator) == before
    assert "goes on with a new one" not in caplog.text
    assert "nothing is read from it" not in caplog.text
