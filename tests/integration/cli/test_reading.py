"""The commands that read the bus: tail, sink run, dead."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import nats

import dms_events
from dms_events_nats import NatsServer
from tests.kit.programs.command import answer, complaint, dms
from tests.kit.programs.processes import CLI, running, until
from tests.kit.storing import call, count_in, ids_in, ids_of, more_than, prepared, tally_in

STRANGE = {
    b'{"Type":"elk_stats.ServiceCall","ID":"text","Data":7}': '"ID":"text"',
    b"\x00\xff\x01\xfe": "00ff01fe",
    b'{"Type":"[/bold]","ID":"\\u001b[2J\\nfake"}': "[/bold]",
}
"""What cannot be read, each with a part of how it is shown."""


async def test_tail_prints_what_was_published_and_changes_nothing(nats_server: NatsServer) -> None:
    async with dms_events.connect(nats_server.url, source="peer-1") as bus:
        published = prepared(bus, 700)
        await bus.publish_many(published)
    for _ in range(2):
        out = await answer("tail", "--all", "--count", "600", "--url", nats_server.url)
        lines = [line.split(" ", 4) for line in out.splitlines()]
        assert [id for _, _, _, id, _ in lines] == [message.id for message in published[:600]]
        assert {(name, source) for _, name, source, _, _ in lines} == {
            ("elk_stats.ServiceCall", "peer-1")
        }
        assert [json.loads(body)["CallID"] for *_, body in lines] == list(range(600))


async def test_tail_without_all_shows_new_events_only_until_it_is_interrupted(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        old = await bus.publish(call(1))
        words = (*CLI, "tail", "ServiceCall", "--url", nats_server.url)
        async with running(*words, "--count", "1") as one, running(*words) as endless:
            while not (one.ended and endless.out):
                assert not endless.ended
                await bus.publish(call(2))
            first = await one.finish()
            endless.send(signal.SIGINT)
            last = await endless.finish(10)
    assert (first.code, first.err) == (0, "")
    assert old not in first.out
    assert '"CallID":2.0' in first.out
    assert last.code == 128 + signal.SIGINT, last.err
    assert old not in last.out


async def test_sink_run_once_stores_what_is_there_and_ends(
    nats_server: NatsServer, database: Path
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        published = prepared(bus, 1200)
        await bus.publish_many(published)
        await bus.publish(prepared(bus, 1)[0])
    words = ("sink", "run", "--from", nats_server.url, "--to", f"sqlite:{database}", "--once")
    tally = tally_in(await answer(*words, "--json"))
    assert tally.received == tally.stored == 1201 == count_in(database)
    assert set(ids_in(database)) > set(ids_of(published))
    assert tally_in(await answer(*words, "--json")).received == 0
    assert await answer(*words) == "0 stored\n"
    out = await answer(*words, "--durable", "other", "--type", "ServiceCall")
    assert out == "0 stored · 1,201 duplicates\n"
    line = await complaint(*words, "--durable", "other", "--type", "NtxPayment")
    assert "'other' exists and reads dms.events.elk_stats.ServiceCall.>" in line


async def test_sink_run_makes_its_consumer_with_the_ack_wait_that_is_asked_for(
    nats_server: NatsServer, database: Path
) -> None:
    words = ("sink", "run", "--from", nats_server.url, "--to", f"sqlite:{database}", "--once")
    await answer(*words)
    await answer(*words, "--durable", "patient", "--ack-wait", "2.5")
    client = await nats.connect(nats_server.url)
    consumers = await client.jetstream().consumers_info("DMS_EVENTS")
    await client.close()
    assert {consumer.name: consumer.config.ack_wait for consumer in consumers} == {
        "dms-events-sink": 40.0,
        "patient": 2.5,
    }
    for wrong in ("0", "-1"):
        line = await complaint(*words, "--ack-wait", wrong)
        assert "ack_wait_s: must be above 0 seconds" in line


async def test_dead_letters_are_listed_and_shown_with_their_bytes(
    nats_server: NatsServer, database: Path
) -> None:
    url = ("--url", nats_server.url)
    async with dms_events.connect(nats_server.url):
        assert await answer("dead", "list", *url) == "no dead letters\n"
    client = await nats.connect(nats_server.url)
    for payload in STRANGE:
        await client.jetstream().publish("dms.events.elk_stats.ServiceCall._", payload)
    await client.close()
    stored = await dms(
        "sink", "run", "--from", nats_server.url, "--to", f"sqlite:{database}", "--once"
    )
    assert (stored.code, stored.out.splitlines()) == (
        0,
        ["0 stored · 3 undecodable", "`dms-events dead list` says why some were not stored"],
    )

    header, *rows = (await answer("dead", "list", *url)).splitlines()
    assert header.split()[:5] == ["letter", "given", "up", "id", "type"]
    assert len(rows) == len(STRANGE), "one line each, whatever strangers write"
    for row, payload, shown in zip(rows, STRANGE, STRANGE.values(), strict=True):
        _, _, id, type_name, reader, attempts, size, *reason = row.split()
        assert (type_name, reader) == ("elk_stats.ServiceCall", "dms-events-sink")
        assert (attempts, size) == ("1", str(len(payload)))
        one = await answer("dead", "show", id, *url)
        assert shown in one
        assert reason[-1] in one
        assert one.replace("\n", "").isprintable()
    assert "no dead letter 'none'" in await complaint("dead", "show", "none", *url)


async def test_a_forwarder_whose_consumer_is_deleted_ends_with_one_line(
    nats_server: NatsServer, database: Path
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish_many(prepared(bus, 10))
        words = ("sink", "run", "--from", nats_server.url, "--to", f"sqlite:{database}")
        async with running(*CLI, *words) as forwarder:
            await until(more_than(database, 9), "all is stored", by=forwarder)
            client = await nats.connect(nats_server.url)
            await client.jetstream().delete_consumer("DMS_EVENTS", "dms-events-sink")
            await client.close()
            ended = await forwarder.finish(30)
    assert ended.code == 1
    [line] = ended.err.splitlines()
    assert line.startswith("dms-events: ")
    assert "Consumer Deleted" in line


async def test_a_forwarder_can_be_stopped_while_the_server_is_away(
    nats_server: NatsServer, database: Path
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish_many(prepared(bus, 10))
    words = ("sink", "run", "--from", nats_server.url, "--to", f"sqlite:{database}", "--json")
    async with running(*CLI, *words) as forwarder:
        await until(more_than(database, 9), "all is stored", by=forwarder)
        await nats_server.kill()
        forwarder.send(signal.SIGTERM)
        ended = await forwarder.finish(15)
    assert ended.code == 0, ended.err
    assert tally_in(ended.out).stored == 10
    assert "Traceback" not in ended.err
