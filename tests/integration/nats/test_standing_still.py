"""A link that stands still, while events wait to leave: publishing ends, and nothing is sent twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from nats.aio.msg import Msg

import dms_events
from dms_events import Bus, OutgoingMessage, PublishError
from dms_events_nats import NatsServer
from tests.kit.programs.processes import until
from tests.kit.servers.link import Link, linked
from tests.kit.servers.operator import Operator
from tests.kit.storing import call, ids_of, prepared

DURABLE = pytest.mark.parametrize("durable", [True, False], ids=["jetstream", "core"])


def large(bus: Bus, count: int) -> list[OutgoingMessage]:
    """More than the buffers of the client and of the sockets between take."""
    return [
        bus.prepare(msgspec.structs.replace(call(number), status="x" * 400_000))
        for number in range(count)
    ]


@asynccontextmanager
async def stalled(server: NatsServer, durable: bool, timeout_s: float) -> AsyncIterator[Bus]:
    """A bus on a link that has stopped, and goes on in the end."""
    async with linked(server.url) as link:
        bus = dms_events.connect(link.url, durable=durable, publish_timeout_s=timeout_s)
        async with bus:
            await bus.publish(call(0))
            link.stall()
            yield bus
            link.mend()
            await until_closed_cleanly(bus, link)


async def until_closed_cleanly(bus: Bus, link: Link) -> None:
    """What waits has left, so that closing the bus is no error."""
    async with asyncio.timeout(20):
        while True:
            try:
                await bus.publish(call(1))
            except PublishError:
                continue
            return


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    began = time.monotonic()
    await work()
    return time.monotonic() - began


@DURABLE
async def test_publishing_ends_after_its_timeout_where_nothing_moves(
    nats_server: NatsServer, durable: bool
) -> None:
    async with stalled(nats_server, durable, timeout_s=1.5) as bus:
        events = large(bus, 40)

        async def publish() -> None:
            with pytest.raises(PublishError, match=r"1\.5 s") as failed:
                await bus.publish_many(events)
            error = failed.value
            assert error.accepted + len(error.unacknowledged) == len(events)
            assert list(error.unacknowledged) == events[error.accepted :]

        async with asyncio.timeout(10):
            assert await seconds(publish) < 6


@DURABLE
async def test_a_cancelled_publish_ends_at_once_where_nothing_moves(
    nats_server: NatsServer, durable: bool
) -> None:
    async with stalled(nats_server, durable, timeout_s=2) as bus:
        events = large(bus, 40)
        publishing = asyncio.create_task(bus.publish_many(events))
        await asyncio.sleep(0.5)
        publishing.cancel()
        done, _ = await asyncio.wait([publishing], timeout=1)
        assert done, "the cancellation came through"
        assert publishing.cancelled()


async def test_a_window_is_not_sent_again_while_it_is_on_its_way(
    nats_server: NatsServer, operator: Operator
) -> None:
    copies: Counter[str] = Counter()

    async def count(message: Msg) -> None:
        copies[(message.headers or {})["Nats-Msg-Id"]] += 1

    await operator.client.subscribe("dms.events.>", cb=count)
    await operator.client.flush()
    async with (
        linked(nats_server.url) as link,
        dms_events.connect(link.url) as bus,
        asyncio.timeout(25),
    ):
        events = prepared(bus, 100)
        link.stall()
        publishing = [
            asyncio.create_task(bus.publish_many(events[:50])),
            *(asyncio.create_task(bus.publish(event)) for event in events[50:]),
        ]
        await asyncio.sleep(6.5)  # longer than the silence after which it asks
        link.mend()
        await asyncio.gather(*publishing)
        await operator.client.flush()
    await until(lambda: len(copies) == 100, "all have arrived")
    assert sorted(copies) == ids_of(events)
    assert set(copies.values()) == {1}


async def test_what_is_lost_on_a_link_that_lives_is_sent_again(
    nats_server: NatsServer, operator: Operator
) -> None:
    arrived: list[str] = []

    async def refuse_the_first(message: Msg) -> None:
        arrived.append((message.headers or {})["Nats-Msg-Id"])
        if len(arrived) > 1:
            await message.respond(b'{"stream":"DMS_EVENTS", "seq":1}')

    await operator.client.subscribe("dms.events.>", cb=refuse_the_first)
    await operator.client.flush()
    async with (
        dms_events.connect(nats_server.url, make_streams=False) as bus,
        asyncio.timeout(12),
    ):
        assert await bus.publish(call(1))
    assert len(arrived) == 2
    assert len(set(arrived)) == 1
