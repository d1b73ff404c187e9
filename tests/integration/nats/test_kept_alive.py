"""A message that came more than once is kept alive once: the server counts one ack wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

import dms_events
from dms_events import Bus, Worker
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.kit.servers.operator import at
from tests.kit.storing import call


@asynccontextmanager
async def waits_for_its_reader(bus: Bus) -> AsyncIterator[None]:
    async with bus.subscribe(ServiceCall, durable="billing", ack_wait_s=1):
        yield


@asynccontextmanager
async def is_at_work(bus: Bus) -> AsyncIterator[None]:
    worker = Worker("billing", ack_wait_s=1, drain_s=0)

    @worker.on(ServiceCall)
    async def hang(_: ServiceCall) -> None:
        await asyncio.Event().wait()

    working = asyncio.create_task(worker.run(bus))
    try:
        yield
    finally:
        worker.stop()
        await working


@pytest.mark.parametrize("held", [waits_for_its_reader, is_at_work])
async def test_of_what_came_more_than_once_the_newest_delivery_is_kept_alive(
    nats_server: NatsServer, held: Callable[[Bus], AbstractAsyncContextManager[None]]
) -> None:
    async with dms_events.connect(nats_server.url) as bus, at(nats_server.url) as operator:
        said = await operator.client.subscribe("$JS.ACK.DMS_EVENTS.billing.>")

        async def next_kept() -> str:
            """The delivery of which the reader says next that it is in progress."""
            while True:
                word = await said.next_msg(10)
                if word.data == b"+WPI":
                    return str(word.subject)

        def attempt(delivery: str) -> int:
            return int(delivery.split(".")[4])

        await bus.publish(call(1))
        async with held(bus):
            kept = await next_kept()
            for number in range(2, 6):
                await operator.client.publish(kept, b"-NAK")
                while attempt(kept) < number:
                    kept = await next_kept()
            assert {await next_kept() for _ in range(4)} == {kept}
