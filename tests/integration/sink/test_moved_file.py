"""The SQLite file under a forwarder is moved or damaged: what was acknowledged is in the files."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

import dms_events
from dms_events import Forwarder, SinkBrokenError
from dms_events_nats import NatsServer
from tests.contract.places import until
from tests.kit.storing import ids_in, ids_of, prepared


def damage(database: Path) -> None:
    with database.open("r+b") as file:
        file.write(b"\x99" * database.stat().st_size)


async def test_all_that_was_forwarded_is_in_the_moved_file_or_in_the_new_one(
    nats_server: NatsServer, database: Path
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.sink_for(f"sqlite:{database}") as sink,
    ):
        forwarder = Forwarder(bus, sink, linger_s=0.01)
        running = asyncio.create_task(forwarder.run())
        published = []
        for turn in range(3):
            messages = prepared(bus, 300, first=300 * turn)
            published += messages
            await bus.publish_many(messages[:150])
            if turn < 2:
                os.rename(database, database.with_name(f"rotated-{turn}.db"))
            await bus.publish_many(messages[150:])

            async def all_stored(count: int = len(published)) -> bool:
                return forwarder.stats.stored + forwarder.stats.duplicates >= count

            await until(all_stored)
        forwarder.stop()
        await running
    files = [database, *(database.with_name(f"rotated-{turn}.db") for turn in range(2))]
    assert sorted({id for file in files for id in ids_in(file)}) == ids_of(published)


async def test_a_damaged_file_ends_the_forwarder_and_acknowledges_nothing(
    nats_server: NatsServer, database: Path
) -> None:
    async with dms_events.sink_for(f"sqlite:{database}"):
        pass
    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.sink_for(f"sqlite:{database}") as sink,
    ):
        damage(database)
        await bus.publish_many(prepared(bus, 10))
        forwarder = Forwarder(bus, sink)
        with pytest.raises(SinkBrokenError, match="Move the file away"):
            async with asyncio.timeout(10):
                await forwarder.run()
        assert forwarder.stats.stored == 0
        async with bus.subscribe("elk_stats.*", durable="dms-events-sink") as messages:
            assert await messages.backlog() == 10
