"""The server is away: what fails says what the attempts to connect met, and little waits meanwhile."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import nats.errors
import pytest

import dms_events
from dms_events import Bus, ConnectionLostError, OutgoingMessage, PublishError
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer, NatsTransport
from dms_events_nats.connection import LinkClient
from tests.kit.programs.processes import until
from tests.kit.storing import call, prepared

DURABLE = pytest.mark.parametrize("durable", [True, False], ids=["jetstream", "core"])
SAID = r"(?i)authorization violation"


def client_of(bus: Bus) -> LinkClient:
    transport = bus._transport
    assert isinstance(transport, NatsTransport)
    return transport.client


def guarded(store: Path, password: str, port: int = 0) -> NatsServer:
    config = f"authorization {{ user: me, password: {password} }}"
    return NatsServer(store, port=port, config=config)


def port_of(server: NatsServer) -> int:
    return int(server.url.rpartition(":")[2])


@asynccontextmanager
async def refused_later(
    store: Path, durable: bool, *others: str, **options: Any
) -> AsyncIterator[tuple[Bus, str]]:
    """A bus whose server comes back with another password, and the server's address."""
    first = guarded(store, "old")
    await first.start()
    address = f"127.0.0.1:{port_of(first)}"
    url = ",".join([f"nats://me:old@{address}", *others])
    bus = dms_events.connect(url, durable=durable, **options)
    try:
        await bus.open()
        await first.kill()
        async with guarded(store, "new", port_of(first)):
            client = client_of(bus)
            await until(lambda: bool(re.search(SAID, client.attempts.away)), "the server refuses")
            yield bus, address
    finally:
        await first.kill()


def large(bus: Bus, count: int = 40) -> list[OutgoingMessage]:
    """More than the buffers of the client take."""
    event = msgspec.structs.replace(call(1), status="x" * 400_000)
    return [bus.prepare(event) for _ in range(count)]


@DURABLE
async def test_a_publish_that_is_not_accepted_says_which_server_refuses_and_how(
    tmp_path: Path, durable: bool
) -> None:
    async with refused_later(tmp_path, durable, publish_timeout_s=1) as (bus, address):
        with pytest.raises(PublishError, match=SAID) as failed:
            await bus.publish_many(large(bus))
        assert f"{address}: " in str(failed.value)
        assert "old" not in str(failed.value)
        if durable:
            await bus.close()
        else:
            with pytest.raises(ConnectionLostError, match=SAID):
                await bus.close()


async def test_each_server_is_named_with_what_it_said(tmp_path: Path) -> None:
    nobody = "nats://127.0.0.1:1"
    async with refused_later(tmp_path, True, nobody, publish_timeout_s=1) as (bus, address):
        await until(lambda: "127.0.0.1:1: " in client_of(bus).attempts.away, "the other is tried")
        with pytest.raises(PublishError) as failed:
            await bus.publish(call(1))
        assert re.search(f"{address}: {SAID[4:]}", str(failed.value), re.IGNORECASE)
        assert re.search(r"127\.0\.0\.1:1: .*Connect call failed", str(failed.value))
        await bus.close()


async def test_a_request_that_is_not_answered_says_why(tmp_path: Path) -> None:
    async with refused_later(tmp_path, True) as (bus, address):
        with pytest.raises(ConnectionLostError, match=f"(?i){address}: .*{SAID[4:]}"):
            await bus.transport.fetch("events", 1)
        with pytest.raises(ConnectionLostError, match=SAID):
            async with bus.subscribe(ServiceCall, durable="reader"):
                pass
        await bus.close()


async def test_what_fails_after_the_return_of_the_server_speaks_of_no_loss(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await nats_server.kill()
        await until(lambda: bool(client_of(bus).attempts.away), "the loss is noticed")
        await nats_server.start()
        assert await bus.publish(call(1))
        assert client_of(bus).attempts.away == ""


async def test_more_time_is_asked_for_once_in_an_outage(nats_server: NatsServer) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        bus.subscribe(ServiceCall, durable="reader") as messages,
    ):
        await bus.publish_many(prepared(bus, 3))
        taken = [await anext(messages) for _ in range(3)]
        client = client_of(bus)
        for _ in range(2):
            before = client.stats["reconnects"]
            await nats_server.kill()
            await until(lambda: not client.is_connected, "the loss is noticed")
            waiting = client.pending_data_size
            for _ in range(1_000):
                for message in taken:
                    await message.in_progress()
            assert 0 < client.pending_data_size - waiting < 3 * 150
            await nats_server.start()
            async with asyncio.timeout(10):
                await client.attempts.until_over(10)
            assert client.stats["reconnects"] == before + 1
        for message in taken:
            await message.ack()
    async with (
        dms_events.connect(nats_server.url) as bus,
        bus.subscribe(ServiceCall, durable="reader") as messages,
    ):
        async with asyncio.timeout(30):  # a server that was killed may have forgotten a delivery
            while await messages.backlog():
                for message in await messages.batch(3, 0.1):
                    await message.ack()


async def test_a_request_is_not_sent_after_its_caller_gave_up(nats_server: NatsServer) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        client = client_of(bus)
        await nats_server.kill()
        await until(lambda: not client.is_connected, "the loss is noticed")
        waiting = client.pending_data_size
        asked = [client.request("$JS.API.INFO", b"x" * 1_000, timeout=0.3) for _ in range(50)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(answer, nats.errors.TimeoutError) for answer in answers)
        assert client.pending_data_size == waiting


async def test_a_request_is_answered_when_the_server_is_back_in_time(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        client = client_of(bus)
        await nats_server.kill()
        await until(lambda: not client.is_connected, "the loss is noticed")
        asking = asyncio.create_task(client.request("$JS.API.STREAM.NAMES", timeout=20))
        await asyncio.sleep(0)
        await nats_server.start()
        assert b"DMS_EVENTS" in (await asking).data


@pytest.mark.parametrize("count", [0, 1])
async def test_closing_core_nats_while_it_is_away_is_an_error_if_something_was_not_sent(
    nats_server: NatsServer, count: int
) -> None:
    bus = dms_events.connect(nats_server.url, durable=False)
    await bus.open()
    await nats_server.kill()
    await until(lambda: not client_of(bus).is_connected, "the loss is noticed")
    await bus.publish_many(prepared(bus, count))
    if count:
        with pytest.raises(ConnectionLostError, match=r"may be lost \(no connection to"):
            await bus.close()
    else:
        await bus.close()


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ('publish: ["$JS.API.>"], subscribe: [">"]', 'Publish to "dms.events.elk_stats'),
        ('publish: [">"], subscribe: ["nothing"]', 'Subscription to "_INBOX'),
    ],
    ids=["publish", "inbox"],
)
async def test_a_permission_that_is_gone_after_a_restart_is_told_at_once(
    tmp_path: Path, lost: str, words: str
) -> None:
    first = guarded(tmp_path, "old")
    await first.start()
    try:
        url = first.url.replace("//", "//me:old@")
        async with dms_events.connect(url) as bus, asyncio.timeout(20):
            await bus.publish(call(1))
            await first.kill()
            user = f"{{user: me, password: old, permissions: {{ {lost} }} }}"
            config = f"authorization {{ users: [ {user} ] }}"
            async with NatsServer(tmp_path, port=port_of(first), config=config):
                with pytest.raises(PublishError, match=f"(?i)permissions violation.*{words}"):
                    await bus.publish(call(2))
    finally:
        await first.kill()
