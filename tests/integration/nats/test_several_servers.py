"""Several servers of which some hang: the others are tried in time, at first and after a loss."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

import dms_events
from dms_events import Bus, ConnectionLostError
from dms_events_nats import NatsServer, NatsTransport
from dms_events_nats.connection import LinkClient
from tests.kit.programs.processes import until
from tests.kit.servers.listening import listening
from tests.kit.servers.raw import pretending
from tests.kit.storing import call

FAST: dict[str, Any] = {"link_timeout_s": 1.5, "ping_interval_s": 0.4, "connect_timeout_s": 0.7}
GREETINGS = {
    "silent": b"",
    "in TLS": b'INFO {"tls_required":true}\r\n',
    "behind its greeting": b"INFO {}\r\n",
}


def client_of(bus: Bus) -> LinkClient:
    transport = bus._transport
    assert isinstance(transport, NatsTransport)
    return transport.client


@asynccontextmanager
async def hanging(greeting: bytes, hits: Counter[str]) -> AsyncIterator[str]:
    """A server that says no more than its greeting; each connection is counted."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hits[url] += 1
        writer.write(greeting)
        with suppress(OSError):
            while await reader.read(1 << 16):
                pass

    url = ""
    async with listening(serve) as port:
        url = f"nats://127.0.0.1:{port}"
        yield url


@pytest.mark.parametrize("greeting", GREETINGS.values(), ids=GREETINGS)
async def test_a_server_that_hangs_keeps_none_of_the_others_from_being_tried(
    nats_server: NatsServer, greeting: bytes
) -> None:
    hits: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        others = [await stack.enter_async_context(hanging(greeting, hits)) for _ in range(2)]
        await stack.enter_async_context(asyncio.timeout(40))
        urls = ",".join([*others, nats_server.url])
        async with dms_events.connect(urls, **FAST) as bus:
            await bus.publish(call(1))
            await nats_server.kill()
            hits.clear()
            await until(lambda: len(hits) == 2, "both are tried")
            await nats_server.start()
            await bus.publish(call(2))
            assert client_of(bus).server == nats_server.url.removeprefix("nats://")


async def test_a_first_connection_is_made_behind_servers_that_hang(
    nats_server: NatsServer,
) -> None:
    """nats-py tries them in any order, so it is done until all that hang were tried."""
    hits: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        others = [
            await stack.enter_async_context(hanging(greeting, hits))
            for greeting in GREETINGS.values()
        ]
        await stack.enter_async_context(asyncio.timeout(60))
        while len(hits) < len(others):
            async with dms_events.connect(",".join([*others, nats_server.url]), **FAST) as bus:
                await bus.publish(call(1))


async def test_a_bus_leaves_a_server_that_stands_still_for_the_one_that_lives(
    tmp_path: Path,
) -> None:
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(NatsServer(tmp_path / name)) for name in ("a", "b", "c")
        ]
        by_address = {server.url.removeprefix("nats://"): server for server in servers}
        await stack.enter_async_context(asyncio.timeout(40))
        urls = ",".join(server.url for server in servers)
        async with dms_events.connect(urls, durable=False, **FAST) as bus:
            client = client_of(bus)
            frozen: list[NatsServer] = []
            try:
                for moves in (1, 2):
                    frozen.append(by_address[client.server])
                    os.kill(frozen[-1].pid, signal.SIGSTOP)
                    await until(lambda n=moves: client.stats["reconnects"] == n, "it has moved")  # type: ignore[misc]
                    assert by_address[client.server] not in frozen
                await bus.publish(call(1))
                await client.flush()
            finally:
                for server in frozen:
                    os.kill(server.pid, signal.SIGCONT)


async def test_a_server_that_hangs_where_tls_is_to_begin_is_an_error_in_time() -> None:
    async with pretending() as url, asyncio.timeout(10):
        with pytest.raises(ConnectionLostError):
            await dms_events.connect(url, tls_handshake_first=True, **FAST).open()
