"""``dms-events nats setup --check`` says what a power cut may lose, where it can be known."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path

import pytest

from dms_events_nats import NatsServer
from tests.kit.programs.command import answer, complaint, dms
from tests.kit.servers.hanging import silent
from tests.kit.servers.listening import Serve, listening

MONITORED = 'http: "127.0.0.1:-1"'
LOADED_S = 15.0
"""For an answer that takes 3 s at most where the machine has nothing else to do."""


def monitoring_of(store: Path) -> str:
    """Where a server says how it is."""
    [ports] = store.glob("*.ports")
    url: str = json.loads(ports.read_text())["monitoring"][0]
    return url


@pytest.mark.parametrize(
    ("interval", "says"),
    [
        (
            "",
            "120 s: a power cut may lose events acknowledged within that time; sync_interval: always",
        ),
        ("sync_interval: 10s", "10 s: a power cut may lose"),
        ("sync_interval: always", "always: a power cut loses no acknowledged event"),
    ],
)
async def test_a_check_tells_how_soon_the_server_has_events_on_its_disk(
    tmp_path: Path, interval: str, says: str
) -> None:
    store = tmp_path / "nats"
    config = f"{MONITORED}\nserver_name: n-1\njetstream {{ store_dir: {store}, {interval} }}"
    async with NatsServer(store, config=config) as server:
        words = ("nats", "setup", "--url", server.url)
        await answer(*words)
        monitoring = ("--monitoring-url", monitoring_of(store))
        lines = (await answer(*words, "--check", *monitoring)).splitlines()
        assert lines[0] == "everything is as declared"
        assert lines[1].startswith(f"sync_interval of n-1: {says}")
        line = await complaint(*words, *monitoring)
    assert line == "dms-events: --monitoring-url: needs --check"


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b" " * 65_536)
            await writer.drain()


async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b'HTTP/1.1 200 OK\r\n\r\n{"cluster_name": "elasticsearch"}')


async def missing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.1 404 Not \x1b[31mFound\r\n\r\n")


@pytest.mark.parametrize(
    ("serve", "says"),
    [
        (endless, "answers more than 1 MiB: it is not that of a nats-server"),
        (other, "is not that of a nats-server: Object missing required field"),
        (missing, "answers 'HTTP/1.1 404 Not \\x1b[31mFound': it is not that of a nats-server"),
    ],
    ids=["endless", "other", "missing"],
)
async def test_a_monitoring_url_of_something_else_is_an_error_in_one_line(
    nats_server: NatsServer, serve: Serve, says: str
) -> None:
    async with listening(serve) as port:
        await says_of(nats_server, f"http://127.0.0.1:{port}", says)


async def test_a_monitoring_url_that_does_not_answer_is_an_error_in_one_line(
    nats_server: NatsServer,
) -> None:
    async with silent() as hanging, asyncio.timeout(LOADED_S):
        await says_of(nats_server, f"http://{hanging.address}", "no answer within 3 s")
    await says_of(nats_server, "http://127.0.0.1:1", "Connect call failed")
    await says_of(
        nats_server, nats_server.url.replace("nats:", "http:"), "not that of a nats-server"
    )
    for wrong in ("127.0.0.1:8222", "http://", "http://me:secret@127.0.0.1:8222"):
        await says_of(nats_server, wrong, "--monitoring-url: is not an address such as")


async def says_of(server: NatsServer, monitoring: str, says: str) -> None:
    words = ("nats", "setup", "--check", "--url", server.url, "--monitoring-url", monitoring)
    done = await dms(*words)
    assert done.code == 1
    assert "DMS_EVENTS" in done.out, "what could be checked is told"
    [line] = done.err.splitlines()
    assert line.startswith("dms-events: ")
    assert says in line
    assert "secret" not in line
