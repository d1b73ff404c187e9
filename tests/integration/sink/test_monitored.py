"""`sink run --http`: what a deployment sees of it, and two of them on one durable."""

from __future__ import annotations

import asyncio
from pathlib import Path
from signal import SIGTERM

import dms_events
from dms_events_nats import NatsServer
from tests.kit.libp2p.go_peers import free_port
from tests.kit.programs.processes import CLI, Running, running, until
from tests.kit.servers.operator import at
from tests.kit.storing import count_in, ids_in, ids_of, prepared, tally_in
from tests.unit.monitor.test_monitor import labels, samples


async def got(port: int, path: str) -> tuple[str, str]:
    """Status and body; an empty status while nothing answers."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return "", ""
    writer.write(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    said = (await reader.read()).decode()
    writer.close()
    head, _, body = said.partition("\r\n\r\n")
    return head[9:12], body


async def until_status(port: int, status: str, by: Running) -> str:
    async with asyncio.timeout(30):
        while True:
            assert not by.ended, by.err
            found, body = await got(port, "/readyz")
            if found == status:
                return body
            await asyncio.sleep(0.1)


async def until_acknowledged(url: str, count: int) -> None:
    """A server that is killed before an ack arrives delivers the message again."""
    async with at(url) as operator, asyncio.timeout(30):
        while True:
            info = await operator.api("CONSUMER.INFO.DMS_EVENTS.dms-events-sink")
            if info["ack_floor"]["stream_seq"] == count:
                return
            await asyncio.sleep(0.05)


async def test_a_sink_shows_its_figures_and_whether_its_broker_answers(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    port, database = free_port(), tmp_path / "events.db"
    words = ("sink", "run", "--from", nats_server.url, "--to", f"sqlite:{database}")
    async with (
        dms_events.connect(nats_server.url) as bus,
        running(*CLI, *words, "--http", str(port), "--json") as sink,
    ):
        await bus.publish_many(prepared(bus, 100))
        await until_status(port, "200", sink)
        await until(lambda: count_in(database) == 100, "all is stored", by=sink)
        await until_acknowledged(nats_server.url, 100)
        assert await got(port, "/healthz") == ("200", "ok\n")
        await nats_server.kill()
        assert "the broker does not answer" in await until_status(port, "503", sink)
        await nats_server.start()
        await until_status(port, "200", sink)
        status, text = await got(port, "/metrics")
        found = samples(text)
        sink.send(SIGTERM)
        done = await sink.finish()
    tally = tally_in(done.out)
    assert (status, tally.stored) == ("200", 100)
    assert found["dms_events_messages_total", labels(outcome="handled")] == 100
    assert found["dms_events_received_total", labels()] == tally.received
    assert found["dms_events_ready", labels()] == 1


async def test_the_port_answers_before_there_is_a_server(tmp_path: Path) -> None:
    port = free_port()
    words = ("sink", "run", "--from", "nats://127.0.0.1:1", "--to", f"sqlite:{tmp_path / 'e.db'}")
    async with running(*CLI, *words, "--http", f"127.0.0.1:{port}") as sink:
        assert await until_status(port, "503", sink) == "it is not connected yet\n"
        assert await got(port, "/healthz") == ("200", "ok\n")


async def test_a_wrong_port_is_refused(tmp_path: Path) -> None:
    async with running(*CLI, "sink", "run", "--http", "here", cwd=tmp_path) as sink:
        done = await sink.finish()
    assert done.code == 1
    assert "'here' is not [HOST:]PORT" in done.err


async def test_two_sinks_on_one_durable_store_each_event_once(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    database = tmp_path / "events.db"
    words = ("sink", "run", "--from", nats_server.url, "--to", f"sqlite:{database}", "--json")
    ports = free_port(), free_port()
    async with (
        dms_events.connect(nats_server.url) as bus,
        running(*CLI, *words, "--http", str(ports[0])) as first,
        running(*CLI, *words, "--http", str(ports[1])) as second,
    ):
        await until_status(ports[0], "200", first)
        await until_status(ports[1], "200", second)
        published = prepared(bus, 5_000)
        await bus.publish_many(published)
        await until(lambda: count_in(database) == 5_000, "all is stored", by=first)
        for sink in (first, second):
            sink.send(SIGTERM)
        tallies = [tally_in((await sink.finish()).out) for sink in (first, second)]
    assert ids_in(database) == ids_of(published)
    assert sum(tally.stored for tally in tallies) == 5_000
    assert sum(tally.duplicates + tally.rejected for tally in tallies) == 0
