"""What stands in the way for a while: a full stream, a locked file, the same events once more."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import nats
import pytest

import dms_events
from dms_events import Forwarder, PublishError
from dms_events_nats import NatsServer
from tests.kit.programs.processes import until
from tests.kit.storing import adds_up, call, count_in, forward, ids_in, ids_of, prepared, query


async def test_what_a_full_stream_refused_can_be_published_once_there_is_room(
    nats_server: NatsServer, database: Path
) -> None:
    async with dms_events.connect(nats_server.url, max_messages=1000) as bus:
        published = prepared(bus, 2500)
        with pytest.raises(PublishError, match="maximum messages exceeded") as refused:
            await bus.publish_many(published)
        assert ids_of(refused.value.unacknowledged) == ids_of(published[1000:])

        with pytest.raises(PublishError, match="maximum messages exceeded") as again:
            await bus.publish_many(refused.value.unacknowledged)
        assert ids_of(again.value.unacknowledged) == ids_of(published[1000:]), (
            "there is no room yet"
        )

        client = await nats.connect(nats_server.url)
        jetstream = client.jetstream()
        stream = await jetstream.stream_info("DMS_EVENTS")
        assert stream.state.messages == 1000
        stream.config.max_msgs = 5000
        await jetstream.update_stream(stream.config)

        assert await bus.publish_many(again.value.unacknowledged) == 1500
        # Somebody who is not sure publishes everything again.
        assert await bus.publish_many(published) == 2500
        assert (await jetstream.stream_info("DMS_EVENTS")).state.messages == 2500
        await client.close()
        async with dms_events.sink_for(f"sqlite:{database}") as sink:
            tally = await forward(bus, sink)
    assert (tally.stored, tally.received) == (2500, 2500)
    assert ids_in(database) == ids_of(published)


async def test_a_sink_that_fails_for_longer_than_the_ack_wait_gets_everything_once(
    nats_server: NatsServer, database: Path
) -> None:
    ack_wait_s, outage_s = 2.0, 5.0
    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.sink_for(f"sqlite:{database}", busy_timeout_s=0.1) as sink,
        asyncio.TaskGroup() as tasks,
    ):
        published = prepared(bus, 6000)
        await bus.publish_many(published)
        forwarder = Forwarder(bus, sink, ack_wait_s=ack_wait_s)
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            locked_at = time.monotonic()
            forwarding = tasks.create_task(forwarder.run())
            await until(
                lambda: forwarder.stats.unavailable > 0 and time.monotonic() - locked_at > outage_s,
                "the forwarder tries again",
            )
            assert forwarder.stats.stored == count_in(database) == 0
            other.execute("ROLLBACK")
        forwarder.drain()
        async with asyncio.timeout(30):
            tally = await forwarding
        assert [letter async for letter in bus.dead_letters.find()] == []
    assert ids_in(database) == ids_of(published)
    assert (tally.stored, tally.duplicates) == (6000, 0)
    assert adds_up(tally), tally
    assert tally.redelivered == 0, "the broker was told all the while that they are worked on"


async def test_a_stop_while_the_sink_fails_gives_everything_back_at_once(
    nats_server: NatsServer, database: Path
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.sink_for(f"sqlite:{database}", busy_timeout_s=0.1) as sink,
    ):
        published = prepared(bus, 4000)
        await bus.publish_many(published)
        forwarder = Forwarder(bus, sink)
        with closing(sqlite3.connect(database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            forwarding = asyncio.create_task(forwarder.run())
            await until(lambda: forwarder.stats.unavailable > 0, "the forwarder tries again")
            forwarder.stop()
            async with asyncio.timeout(10):
                tally = await forwarding
            other.execute("ROLLBACK")
        assert (tally.stored, tally.returned) == (0, tally.received)
        assert (await forward(bus, sink)).stored == 4000
    assert ids_in(database) == ids_of(published)


async def test_a_stream_forwarded_again_from_its_start_is_all_duplicates(
    nats_server: NatsServer, database: Path
) -> None:
    november, december = datetime(2026, 11, 30, 23, tzinfo=UTC), "2026-12-01T00:00:00.000000001Z"
    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.sink_for(f"sqlite:{database}") as sink,
    ):
        # Times that are far ahead of the server's would not be believed.
        shift = november.replace(year=2024), december.replace("2026", "2024")
        published = [bus.prepare(call(n), time=shift[n % 2]) for n in range(3000)]
        await bus.publish_many(published)
        first = await forward(bus, sink, "first")
        second = await forward(bus, sink, "second")
    assert (first.stored, first.duplicates) == (3000, 0)
    assert (second.stored, second.duplicates, second.redelivered) == (0, 3000, 0)
    assert ids_in(database) == ids_of(published)
    assert query(
        database, "SELECT index_name, count(*) FROM documents GROUP BY index_name ORDER BY 1"
    ) == [
        ("dms-elk_stats.service_call-2024.11", 1500),
        ("dms-elk_stats.service_call-2024.12", 1500),
    ]
