"""Processes that die in the middle of their work: nothing is lost, nothing is stored twice."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import nats
import pytest

import dms_events
from dms_events import Forwarder
from dms_events_nats import NatsServer
from tests.kit.programs.processes import CLI, run, running, until
from tests.kit.servers.killing import publish_over_a_kill
from tests.kit.storing import adds_up, count_in, ids_in, ids_of, more_than, prepared, tally_in

DURABLE = "dms-events-sink"

PUBLISHER = """
import asyncio, sys, dms_events
from tests.kit.storing import prepared

async def publish(url):
    async with dms_events.connect(url) as bus:
        for first in range(0, 1_000_000, 50):
            chunk = prepared(bus, 50, first)
            await bus.publish_many(chunk)
            print(*[message.id for message in chunk], flush=True)

asyncio.run(publish(sys.argv[1]))
"""


async def messages_in_stream(url: str) -> int:
    client = await nats.connect(url)
    try:
        return (await client.jetstream().stream_info("DMS_EVENTS")).state.messages
    finally:
        await client.close()


async def backlog(url: str) -> int:
    async with dms_events.connect(url) as bus, bus.subscribe("elk_stats.*", durable=DURABLE) as s:
        return await s.backlog()


@pytest.fixture
def sink_run(nats_server: NatsServer, database: Path) -> tuple[str, ...]:
    return (*CLI, "sink", "run", "--from", nats_server.url, "--to", f"sqlite:{database}", "--json")


@pytest.mark.slow
async def test_a_forwarder_that_is_killed_again_and_again_loses_and_doubles_nothing(
    nats_server: NatsServer, database: Path, sink_run: tuple[str, ...]
) -> None:
    total = 20_000
    async with dms_events.connect(nats_server.url) as bus:
        published = prepared(bus, total)
        assert await bus.publish_many(published) == total
        # What a killed forwarder held comes again after this wait, not after a minute.
        async with bus.subscribe("elk_stats.*", durable=DURABLE, ack_wait_s=4):
            pass
    for kill in range(5):
        before = count_in(database)
        async with running(*sink_run) as forwarder:
            await until(more_than(database, before + 700 * kill), "more is stored", by=forwarder)
            killed = await forwarder.kill()
        assert killed.code == -signal.SIGKILL
        assert before < count_in(database) < total, "the kill hit it in the middle of its work"

    left = total - count_in(database)
    last = await run(*sink_run, "--once")
    assert last.code == 0, last.err
    tally = tally_in(last.out)
    assert tally.stored == left
    assert adds_up(tally), tally
    assert ids_in(database) == ids_of(published)
    assert await backlog(nats_server.url) == 0


@pytest.mark.slow
async def test_a_nats_server_that_is_killed_again_and_again_loses_and_doubles_nothing(
    nats_server: NatsServer, database: Path
) -> None:
    total, kills = 30_000, 5
    async with (
        dms_events.connect(nats_server.url) as publisher,
        dms_events.connect(nats_server.url) as reader,
        dms_events.sink_for(f"sqlite:{database}") as sink,
        asyncio.TaskGroup() as tasks,
    ):
        published = prepared(publisher, total)
        # What the server had sent into a connection that died comes again after this wait.
        forwarder = Forwarder(reader, sink, ack_wait_s=5)
        forwarding = tasks.create_task(forwarder.run())
        await publisher.publish_many(published[:1])
        await until(more_than(database, 0), "it is subscribed")
        for start in range(1, total, total // kills):
            chunk = published[start : start + total // kills]
            await publish_over_a_kill(publisher, chunk, nats_server)
            assert not forwarding.done()
            await until(more_than(database, start), "it comes back by itself")
        async with asyncio.timeout(60):
            forwarder.drain()
            tally = await forwarding

    assert ids_in(database) == ids_of(published)
    assert tally.stored == total, tally
    assert tally.duplicates == 0, "what is delivered again is no other message of the same identity"
    assert adds_up(tally), tally
    assert await messages_in_stream(nats_server.url) == total, "sent again under its identity"
    assert await backlog(nats_server.url) == 0


async def test_what_a_killed_publisher_had_acknowledged_is_stored_once(
    nats_server: NatsServer, database: Path
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.sink_for(f"sqlite:{database}") as sink,
        asyncio.TaskGroup() as tasks,
    ):
        forwarder = Forwarder(bus, sink)
        forwarding = tasks.create_task(forwarder.run())
        async with running(sys.executable, "-c", PUBLISHER, nats_server.url) as publisher:
            await until(more_than(database, 2000), "some of it is stored", by=publisher)
            killed = await publisher.kill()
        forwarder.drain()
        async with asyncio.timeout(30):
            tally = await forwarding

    *lines, _cut = killed.out.split("\n")
    acknowledged = [id for line in lines for id in line.split()]
    stored = ids_in(database)
    assert len(acknowledged) > 500
    assert set(acknowledged) <= set(stored)
    assert len(set(stored)) == len(stored) == tally.stored
    assert len(stored) == await messages_in_stream(nats_server.url)
    assert len(stored) - len(acknowledged) <= 100, "one chunk was on its way, one was not printed"


async def test_sigterm_lets_a_forwarder_finish_and_leaves_the_rest_to_the_next(
    nats_server: NatsServer, database: Path, sink_run: tuple[str, ...]
) -> None:
    total = 20_000
    async with dms_events.connect(nats_server.url) as bus:
        published = prepared(bus, total)
        await bus.publish_many(published)
    async with running(*sink_run) as forwarder:
        await until(more_than(database, 0), "some of it is stored", by=forwarder)
        forwarder.send(signal.SIGTERM)
        ended = await forwarder.finish()
    assert ended.code == 0, ended.err
    tally = tally_in(ended.out)
    assert 0 < tally.stored < total, "the signal came in the middle of its work"
    assert tally.stored == count_in(database)
    assert adds_up(tally), tally
    assert await backlog(nats_server.url) == total - tally.stored

    # What it held was given back: the next one need not wait for the ack wait of a minute.
    rest = await run(*sink_run, "--once", within_s=30)
    assert rest.code == 0, rest.err
    assert tally_in(rest.out).stored == total - tally.stored
    assert ids_in(database) == ids_of(published)
