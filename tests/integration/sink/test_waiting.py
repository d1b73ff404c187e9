"""`sink run --wait`: a store that is not there yet is waited for, and the reason is said."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from signal import SIGTERM

import pytest

import dms_events
from dms_events_nats import NatsServer
from tests.kit.programs.processes import CLI, running, until
from tests.kit.servers.elasticsearch_fixtures import SecuredElasticsearch
from tests.kit.servers.listening import listening, reserved_port
from tests.kit.storing import count_in, prepared

REFUSED = "no connection (Connection refused)"
STARTING = b"HTTP/1.1 503 x\r\nContent-Length: 33\r\n\r\n<html><title>Starting</title> ..."


async def starting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy whose server is not there yet."""
    with suppress(ConnectionError):
        while await reader.read(1 << 16):
            writer.write(STARTING)


@pytest.fixture
def free_port() -> Iterator[int]:
    with reserved_port() as port:
        yield port


async def test_each_new_reason_of_the_wait_is_said_and_a_signal_ends_it(
    nats_server: NatsServer, free_port: int
) -> None:
    url = f"http://127.0.0.1:{free_port}"
    words = ("sink", "run", "--wait", "--from", nats_server.url, "--to", url)
    async with running(*CLI, *words) as sink:
        await until(lambda: REFUSED in sink.err, "the first reason", by=sink)
        async with listening(starting, free_port):
            await until(lambda: "'Starting'" in sink.err, "the second reason", by=sink)
        await until(lambda: sink.err.count(REFUSED) > 1, "the first reason again", by=sink)
        sink.send(SIGTERM)
        done = await sink.finish()
    assert (done.code, done.out) == (143, "")
    *waited, last = done.err.splitlines()
    assert last == "dms-events: ended by SIGTERM"
    assert [line.partition(": ")[2] for line in waited] == [
        f"connecting: {url}: {REFUSED}",
        f"connecting: {url}: 503 by something before Elasticsearch, such as a proxy: "
        "the page 'Starting'",
        f"connecting: {url}: {REFUSED}",
    ]


async def test_a_reason_that_lasts_is_said_again(nats_server: NatsServer, tmp_path: Path) -> None:
    sooner = "from dms_events.cli import _opening, main; _opening._SAY_AGAIN_S = 0.5; main()"
    (tmp_path / "events.db").mkdir()
    words = ("--wait", "--from", nats_server.url, "--to", f"sqlite:{tmp_path}/events.db")
    async with running(sys.executable, "-c", sooner, "sink", "run", *words) as sink:
        again = "unable to open database file"
        await until(lambda: sink.err.count(again) > 2, "the third line", by=sink)


async def test_a_store_that_comes_later_gets_all_events(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish_many(prepared(bus, 3))
    (database := tmp_path / "events.db").mkdir()
    words = ("--from", nats_server.url, "--to", f"sqlite:{database}", "--once")
    async with running(*CLI, "sink", "run", "--wait", *words) as sink:
        await until(lambda: "waiting for the sink" in sink.err, "the wait", by=sink)
        database.rmdir()
        done = await sink.finish()
    assert done.code == 0
    assert done.err.splitlines()[-1].startswith("WARNING the sink is there, after ")
    assert count_in(database) == 3


async def test_a_refused_account_is_not_waited_for(
    nats_server: NatsServer, secured_elasticsearch: SecuredElasticsearch
) -> None:
    words = ("--to", secured_elasticsearch.url, "--ca-certs", secured_elasticsearch.ca_certs)
    async with running(*CLI, "sink", "run", "--wait", "--from", nats_server.url, *words) as sink:
        done = await sink.finish()
    assert done.code == 1
    assert "401 security_exception" in done.err
    assert "waiting" not in done.err
