"""Links that stand still, servers that say nothing, and the end of both."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import msgspec
import pytest

import dms_events
from dms_events import Bus, ConfigError
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer, NatsTransport
from dms_events_nats.connection import LinkClient
from dms_events_nats.connection.stillness import Stillness
from tests.kit.programs.processes import until
from tests.kit.servers.link import linked
from tests.kit.servers.raw import pretending
from tests.kit.storing import call

DEAD_S = 1.5
FAST: dict[str, Any] = {"link_timeout_s": DEAD_S, "ping_interval_s": 0.4, "connect_timeout_s": 1.0}


def client_of(bus: Bus) -> LinkClient:
    transport = bus._transport
    assert isinstance(transport, NatsTransport)
    return transport.client


@contextmanager
def frozen(server: NatsServer) -> Iterator[None]:
    """The server stands still: its kernel takes bytes, and nobody answers."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@pytest.mark.parametrize("durable", [True, False])
async def test_a_link_that_stands_still_is_told_and_left_for_a_new_one(
    nats_server: NatsServer, durable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        asyncio.timeout(20),
        linked(nats_server.url) as link,
        dms_events.connect(nats_server.url, durable=durable) as near,
        dms_events.connect(link.url, durable=durable, **FAST) as far,
        far.subscribe(ServiceCall) as messages,
    ):
        link.stall_old()
        since = time.monotonic()
        await until(lambda: client_of(far).stats["reconnects"] == 1, "a new link", 10)
        assert time.monotonic() - since < DEAD_S + 2
        assert f"nothing moved on it for {DEAD_S:g} s" in caplog.text
        await client_of(far).flush(
            5
        )  # core NATS keeps nothing for a subscription that is on its way
        await near.publish(call(1))
        assert (await anext(messages)).event == call(1)


@pytest.mark.parametrize("durable", [True, False])
async def test_a_publisher_of_little_things_notices_a_link_that_swallows_them(
    nats_server: NatsServer, durable: bool
) -> None:
    async with (
        asyncio.timeout(20),
        linked(nats_server.url) as link,
        dms_events.connect(link.url, durable=durable, **FAST) as bus,
    ):
        link.stall_old()
        since = time.monotonic()
        trickle = []
        while not client_of(bus).stats["reconnects"]:
            trickle.append(asyncio.create_task(bus.publish(call(1))))
            await asyncio.sleep(0.05)
            assert time.monotonic() - since < DEAD_S + 3
        await asyncio.gather(*trickle)


async def test_an_idle_link_that_lives_stays(nats_server: NatsServer) -> None:
    async with dms_events.connect(nats_server.url, **FAST) as bus:
        client = client_of(bus)
        until_s = time.monotonic() + 2 * DEAD_S
        while time.monotonic() < until_s:
            assert client.still_s < DEAD_S
            await asyncio.sleep(0.05)
        assert client.stats["reconnects"] == 0


async def test_a_thin_link_that_moves_is_alive(nats_server: NatsServer) -> None:
    """6 MB at 1 MB/s, and hardly a byte comes back before all of them have left."""
    async with (
        asyncio.timeout(30),
        linked(nats_server.url, bytes_per_s=1_000_000) as link,
        dms_events.connect(link.url, durable=False, link_timeout_s=3, ping_interval_s=1) as bus,
    ):
        client = client_of(bus)
        since = time.monotonic()
        await bus.publish_many(call(number) for number in range(14_000))
        await client.flush(20)
        assert time.monotonic() - since > 3
        assert client.stats["reconnects"] == 0


async def test_a_loop_that_is_blocked_longer_than_a_link_may_stand_still_loses_no_link(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url, **FAST) as bus:
        time.sleep(DEAD_S + 0.5)  # noqa: ASYNC251 - that is what a handler does that blocks the loop
        await asyncio.sleep(0.5)
        assert client_of(bus).stats["reconnects"] == 0
        assert await bus.publish(call(1))


def test_only_time_in_which_the_loop_ran_counts_as_standing_still() -> None:
    still = Stillness(0.5)
    still.look(0.0, 10, 0, 0)
    still.look(0.5, 10, 0, 0)
    still.look(60.0, 10, 0, 0)
    assert still.s == 1.5
    still.look(60.5, 11, 0, 0)
    assert still.s == 0


def test_what_the_kernel_takes_at_once_is_no_movement_and_what_waited_is() -> None:
    still = Stillness(0.5)
    for look in range(4):
        still.look(look / 2, 1, 100 * look, 50)
    assert still.s == 1.0, "each byte left before the next look but one"
    still.look(2.0, 1, 900, 600)
    still.look(2.5, 1, 900, 600)
    assert still.s == 2.0, "nothing leaves any more"
    still.look(3.0, 1, 900, 500)
    assert still.s == 0, "what left had waited"


async def test_a_ping_interval_that_cannot_keep_a_link_alive_is_refused() -> None:
    with pytest.raises(
        ConfigError, match="ping_interval_s: must be above 0 and below link_timeout"
    ):
        dms_events.connect("nats://127.0.0.1:1", ping_interval_s=10, link_timeout_s=10)


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize("many", [1, 40])
async def test_closing_ends_while_the_server_stands_still(
    nats_server: NatsServer, durable: bool, many: int, caplog: pytest.LogCaptureFixture
) -> None:
    bus = dms_events.connect(nats_server.url, durable=durable)
    await bus.open()
    messages = [await bus.subscribe(ServiceCall).__aenter__() for _ in range(2)]
    publishing: asyncio.Task[int] | None = None
    with frozen(nats_server):
        large = msgspec.structs.replace(call(1), service_id="x" * 200_000)
        publishing = asyncio.create_task(bus.publish_many([large] * many))
        await asyncio.wait({publishing}, timeout=0.5)
        since = time.monotonic()
        if durable:
            await bus.close()
        else:
            with pytest.raises(dms_events.ConnectionLostError, match="may be lost"):
                await bus.close()
        assert time.monotonic() - since < 5
    assert "closed without an answer" in caplog.text
    await asyncio.gather(publishing, return_exceptions=True)
    del messages


async def test_closing_ends_while_the_server_is_away(nats_server: NatsServer) -> None:
    bus = dms_events.connect(nats_server.url)
    await bus.open()
    await bus.subscribe(ServiceCall).__aenter__()
    await nats_server.kill()
    await until(lambda: not client_of(bus).is_connected, "the loss is noticed")
    since = time.monotonic()
    await bus.close()
    assert time.monotonic() - since < 5


async def test_servers_that_accept_and_say_nothing_cost_one_timeout_each(
    nats_server: NatsServer,
) -> None:
    async with AsyncExitStack() as stack:
        silent = [await stack.enter_async_context(pretending()) for _ in range(3)]
        since = time.monotonic()
        url = ",".join([*silent, nats_server.url])
        async with dms_events.connect(url, connect_timeout_s=0.5) as bus:
            assert time.monotonic() - since < 3 * 0.5 + 1
            await bus.publish(call(1))
            await nats_server.kill()
            await nats_server.start()
            since = time.monotonic()
            await bus.publish(call(2))
            assert time.monotonic() - since < 2 * 3 * 0.5 + 3


@pytest.mark.parametrize(
    "greeting",
    [
        b"",
        b"\r\n",
        b"INFO\r\n",
        b"INFO {\r\n",
        b"INFO []\r\n",
        b'INFO {"connect_urls": 3}\r\n',
        b"INFO " + b"x" * 100_000,
        b"INFO {}\r\n\xff\r\n",
        b"INFO {}\r\n-ERR '\xff'\r\n",
        b"INFO {}\r\nPONG\r\n\x00\x00\r\n",
    ],
)
async def test_a_stranger_at_the_servers_address_is_left_again(
    nats_server: NatsServer, greeting: bytes
) -> None:
    """A bus that meets it after a loss connects again as soon as the server is back."""
    async with asyncio.timeout(15), dms_events.connect(nats_server.url, **FAST) as bus:
        client = client_of(bus)
        await nats_server.kill()
        port = int(nats_server.url.rpartition(":")[2])
        met: list[Exception] = []
        client._error_cb = _noting(met)
        async with pretending(greeting, port=port, hang_up=True):
            await until(lambda: bool(met), "the stranger is met", 5)
        await nats_server.start()
        assert await bus.publish(call(1))


def _noting(met: list[Exception]):  # type: ignore[no-untyped-def]
    async def note(error: Exception) -> None:
        if not isinstance(error, ConnectionRefusedError):
            met.append(error)

    return note
