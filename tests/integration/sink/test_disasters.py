"""A stream that was put back: its events are not stored again, and new ones are all stored."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import dms_events
from dms_events import Stats
from dms_events_nats import NatsServer
from dms_events_sqlite import SqliteSink
from tests.kit.servers.backup import backed_up, restored
from tests.kit.servers.operator import at
from tests.kit.storing import call, count_in, forward, query

SUBJECT = "dms.events.elk_stats.ServiceCall.{}"


async def go_publishes(url: str, first: int, count: int, source: str = "go") -> None:
    """Events as Go writes them, without an ID."""
    async with at(url) as operator:
        stream = operator.client.jetstream()
        for number in range(first, first + count):
            data = base64.b64encode(dms_events.encode(call(number))).decode()
            envelope = json.dumps({"Type": "elk_stats.ServiceCall", "Data": data}).encode()
            await stream.publish(SUBJECT.format(source), envelope)


async def forwarded(url: str, database: Path, durable: str) -> Stats:
    async with dms_events.connect(url) as bus, SqliteSink(f"sqlite://{database}") as sink:
        return await forward(bus, sink, durable)


async def test_a_stream_that_was_deleted_and_restored_is_not_stored_again(
    nats_server: NatsServer, database: Path
) -> None:
    async with dms_events.connect(nats_server.url, source="node-1") as bus:
        await bus.publish_many([call(number) for number in range(20)])
    await go_publishes(nats_server.url, 100, 20)
    await go_publishes(nats_server.url, 200, 20, source="_")
    assert (await forwarded(nats_server.url, database, "first")).stored == 60
    async with at(nats_server.url) as operator:
        backup = await backed_up(operator.client, "DMS_EVENTS")
        before = await operator.api("STREAM.INFO.DMS_EVENTS")
        await operator.api("STREAM.DELETE.DMS_EVENTS")
        await restored(operator.client, backup)
        after = await operator.api("STREAM.INFO.DMS_EVENTS")
    assert after["state"]["messages"] == 60
    assert after["created"] != before["created"], "the server renews it"
    again = await forwarded(nats_server.url, database, "second")
    assert (again.received, again.stored, again.duplicates) == (60, 0, 60)
    assert count_in(database) == 60


async def test_events_after_an_older_backup_are_all_stored(tmp_path: Path, database: Path) -> None:
    server = NatsServer(tmp_path / "live")
    await server.start()
    try:
        await go_publishes_and_forwards(server, database, 0)
        await server.stop()
        shutil.copytree(tmp_path / "live", tmp_path / "backup")
        await server.start()
        await go_publishes_and_forwards(server, database, 10)
        await server.stop()
        shutil.rmtree(tmp_path / "live")
        shutil.copytree(tmp_path / "backup", tmp_path / "live")
        await server.start()
        await go_publishes_and_forwards(server, database, 100)
    finally:
        await server.stop()
    rows = query(database, "SELECT CAST(json_extract(body, '$.CallID') AS INTEGER) FROM documents")
    assert sorted(number for (number,) in rows) == [*range(20), *range(100, 110)]


async def go_publishes_and_forwards(server: NatsServer, database: Path, first: int) -> None:
    async with dms_events.connect(server.url):
        pass  # it makes the streams
    await go_publishes(server.url, first, 10)
    tally = await forwarded(server.url, database, "sink")
    assert (tally.stored, tally.duplicates, tally.redelivered) == (10, 0, 0)
