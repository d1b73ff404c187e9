"""Sizes and numbers at their edge: the largest event of a large server, and a source for each event."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

import dms_events
from dms_events import Bus, Message, OutgoingMessage, PublishError, Worker
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.contract.worker.working import drained
from tests.kit.storing import call

LARGE = 10 << 20
OF_THE_ID = 64
"""Bytes that the header with the id takes."""
SOURCES = 20_000


def event_of(bus: Bus, size: int) -> OutgoingMessage:
    """An event whose envelope has just this size."""
    plain = bus.prepare(call(1), source="node")
    # Base64 makes 4 bytes out of 3, so that the name of the source makes up for the rest.
    room = size - len(plain.data) - 4
    longer = msgspec.structs.replace(call(1), service_id=call(1).service_id + "x" * (room // 4 * 3))
    for extra in range(8):
        message = bus.prepare(longer, source="node" + "x" * extra, id=plain.id)
        if len(message.data) == size:
            return message
    raise AssertionError(f"no envelope of {size} bytes was found")


async def test_the_largest_event_of_a_large_server_is_handled_given_up_and_replayed() -> None:
    worker = Worker("billing")
    seen: list[int] = []

    @worker.on(ServiceCall, attempts=1)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        seen.append(len(message.delivery.data))
        if len(seen) == 1:
            raise ValueError("x" * 10_000)

    async with (
        NatsServer(config=f"max_payload: {LARGE}") as server,
        dms_events.connect(server.url) as bus,
    ):
        largest = LARGE - OF_THE_ID
        with pytest.raises(PublishError, match="max_payload"):
            await bus.publish(event_of(bus, largest + 1))
        await bus.publish(event_of(bus, largest))
        await drained(worker, bus)
        assert (seen, worker.stats.rejected) == ([largest], 1)
        [letter] = [one async for one in bus.dead_letters.find()]
        assert letter.payload_bytes == largest
        await bus.dead_letters.replay(letter)
        await drained(worker, bus)
        assert (len(seen), worker.stats.handled) == (2, 1)


async def test_each_of_20_000_sources_is_handled_as_itself(nats_server: NatsServer) -> None:
    worker = Worker("billing")
    heard: set[str] = set()

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
        heard.add(message.source)

    sources = [f"12D3KooW{number:044}" for number in range(SOURCES)]
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish_many(bus.prepare(call(1), source=source) for source in sources)
        async with asyncio.timeout(60):
            await drained(worker, bus)
    assert worker.stats.handled == SOURCES
    assert heard == set(sources)
