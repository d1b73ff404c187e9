"""After a disaster, new events are new: a stream made again, a server lost, an older backup put back."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
from pathlib import Path

import dms_events
from dms_events import Message, TransportError, Worker
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import DurableSetup, NatsServer, NatsSetup, apply_setup
from tests.contract.places import until
from tests.contract.worker.working import running
from tests.kit.servers.operator import at
from tests.kit.storing import call

SUBJECT = "dms.events.elk_stats.ServiceCall.go"
SETUP = NatsSetup(durables={"billing": DurableSetup(types=("elk_stats.ServiceCall",))})


def as_go_writes(number: int) -> bytes:
    """An envelope with type and data, and nothing else."""
    data = base64.b64encode(dms_events.encode(call(number))).decode()
    return json.dumps({"Type": "elk_stats.ServiceCall", "Data": data}).encode()


async def go_publishes(url: str, first: int, count: int) -> None:
    async with at(url) as operator:
        stream = operator.client.jetstream()
        for number in range(first, first + count):
            await stream.publish(SUBJECT, as_go_writes(number))


class Billing:
    """A worker that says which calls it handled."""

    def __init__(self) -> None:
        self.worker = Worker("billing")
        self.handled: list[int] = []

        @self.worker.on(ServiceCall)
        async def bill(event: ServiceCall, message: Message[ServiceCall]) -> None:
            self.handled.append(int(event.call_id))

    async def has(self, numbers: set[int]) -> bool:
        return numbers <= set(self.handled)


async def test_all_events_of_a_new_server_are_handled_or_the_worker_ends(tmp_path: Path) -> None:
    billing, first, second = Billing(), set(range(5)), set(range(100, 108))
    old = NatsServer(tmp_path / "old")
    await old.start()
    port = int(old.url.rpartition(":")[2])
    await apply_setup(old.url, SETUP)
    new = NatsServer(tmp_path / "new", port=port)
    async with dms_events.connect(old.url) as bus:
        working = asyncio.create_task(billing.worker.run(bus))
        try:
            await go_publishes(old.url, 0, 5)
            await until(lambda: billing.has(first))
            await old.stop()  # its disk is lost
            prepared = NatsServer(tmp_path / "new")
            await prepared.start()
            await apply_setup(prepared.url, SETUP)
            await prepared.stop()
            await new.start()
            await go_publishes(new.url, 100, 8)

            async def handled_or_ended() -> bool:
                return working.done() or await billing.has(second)

            await until(handled_or_ended, within_s=15)
        finally:
            billing.worker.stop()
            [ended] = await asyncio.gather(working, return_exceptions=True)
            await new.stop()
    if not isinstance(ended, TransportError):
        assert sorted(billing.handled) == sorted(first | second)
    assert billing.worker.stats.duplicates == billing.worker.stats.redelivered == 0


async def test_all_events_of_a_stream_made_again_are_handled_or_the_worker_ends(
    nats_server: NatsServer,
) -> None:
    """Deleted under a worker that is at work, with its durable; and made again with it."""
    billing = Billing()
    await apply_setup(nats_server.url, SETUP)
    async with dms_events.connect(nats_server.url) as bus, at(nats_server.url) as operator:
        working = asyncio.create_task(billing.worker.run(bus))
        await go_publishes(nats_server.url, 0, 300)
        await until(lambda: billing.has({0}))
        await operator.api("STREAM.DELETE.DMS_EVENTS")
        await apply_setup(nats_server.url, SETUP)
        second = set(range(1000, 1300))
        await go_publishes(nats_server.url, 1000, 300)

        async def handled_or_ended() -> bool:
            return working.done() or await billing.has(second)

        await until(handled_or_ended, within_s=15)
        if not working.done():
            billing.worker.stop()
        [ended] = await asyncio.gather(working, return_exceptions=True)
        if isinstance(ended, TransportError):  # its end says so, and the next run handles all
            async with running(billing.worker, bus):
                await until(lambda: billing.has(second))
    assert len(billing.handled) == len(set(billing.handled))


async def test_events_after_an_older_backup_are_handled_and_those_before_it_are_not_again(
    tmp_path: Path,
) -> None:
    """The backup holds ten events that nobody has read; ten more are lost with their sequences."""
    billing = Billing()
    server = NatsServer(tmp_path / "live")
    await server.start()
    try:
        await apply_setup(server.url, SETUP)
        await go_publishes(server.url, 0, 10)
        await server.stop()
        shutil.copytree(tmp_path / "live", tmp_path / "backup")
        await server.start()
        async with dms_events.connect(server.url) as bus, running(billing.worker, bus):
            await until(lambda: billing.has(set(range(10))))
            await go_publishes(server.url, 10, 10)
            await until(lambda: billing.has(set(range(20))))
            await server.stop()
            shutil.rmtree(tmp_path / "live")
            shutil.copytree(tmp_path / "backup", tmp_path / "live")
            await server.start()
            await go_publishes(server.url, 100, 10)
            await until(lambda: billing.has(set(range(100, 110))), within_s=20)

            async def known_again() -> bool:
                return billing.worker.stats.redelivered >= 10

            await until(known_again)
    finally:
        await server.stop()
    assert sorted(billing.handled) == [*range(20), *range(100, 110)]
