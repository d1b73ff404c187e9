"""A worker whose servers die: every acknowledged event is handled, and none twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

import dms_events
from dms_events import Bus, Worker
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.kit.programs.processes import until
from tests.kit.programs.worker_program import DURABLE, all_settled, unsettled
from tests.kit.servers.cluster import NatsCluster, nats_cluster
from tests.kit.servers.killing import publish_over_a_kill
from tests.kit.soak import SOAK, sized
from tests.kit.storing import call, prepared


class Seen:
    """What one worker handled, written down inside its handler."""

    def __init__(self, ack_wait_s: float = 5) -> None:
        self.ids: Counter[str] = Counter()
        self.worker = Worker(DURABLE, ack_wait_s=ack_wait_s)
        self.worker.on(ServiceCall)(self._handle)

    async def _handle(self, event: ServiceCall, message: dms_events.Message[ServiceCall]) -> None:
        self.ids[message.id] += 1

    def is_exactly(self, published: list[str]) -> None:
        """Each once, and nothing else."""
        assert self.ids.keys() == set(published)
        assert set(self.ids.values()) == {1}, "none is handled twice by a worker that lives"


async def in_stream(bus: Bus) -> list[str]:
    """The identities of all that is stored, in order."""
    ids = []
    async with bus.subscribe(ServiceCall, start="all") as messages:
        while await messages.backlog():
            for message in await messages.batch(500, 0.2):
                ids.append(message.id)
                await message.ack()
    return ids


@pytest.mark.slow
async def test_a_server_that_is_killed_again_and_again_loses_and_doubles_nothing(
    nats_server: NatsServer,
) -> None:
    total, kills = sized(30_000, 200_000), sized(5, 10)
    seen = Seen()
    async with (
        dms_events.connect(nats_server.url) as publisher,
        dms_events.connect(nats_server.url) as reader,
        asyncio.TaskGroup() as tasks,
    ):
        published = prepared(publisher, total)
        working = tasks.create_task(seen.worker.run(reader))
        await publisher.publish_many(published[:1])
        await until(lambda: seen.ids.total() == 1, "it is subscribed")
        for start in range(1, total, total // kills):
            chunk = published[start : start + total // kills]
            await publish_over_a_kill(publisher, chunk, nats_server)
            assert not working.done()
            await until(
                lambda start=start: seen.ids.total() > start,  # type: ignore[misc]
                "the subscription comes back by itself",
            )
        async with asyncio.timeout(sized(90, 600)):
            seen.worker.drain()
            tally = await working

    seen.is_exactly([message.id for message in published])
    assert tally.handled == total, tally
    assert tally.duplicates == tally.rejected == tally.undecodable == 0, tally
    assert await unsettled(nats_server.url) == 0


@pytest.mark.slow
async def test_what_was_acknowledged_and_comes_again_is_acknowledged_again_and_not_handled_again(
    nats_server: NatsServer,
) -> None:
    seen = Seen()
    published: list[str] = []
    async with dms_events.connect(nats_server.url) as bus, asyncio.TaskGroup() as tasks:
        working = tasks.create_task(seen.worker.run(bus))
        # How much the server had not written down of the acks when it died is a matter of luck.
        for _ in range(20):
            chunk = prepared(bus, 2000, len(published))
            published += [message.id for message in chunk]
            await bus.publish_many(chunk)
            await until(lambda: seen.ids.total() == len(published), "all is handled")  # noqa: B023
            await nats_server.kill()
            await nats_server.start()
            await all_settled(nats_server.url)
            if seen.worker.stats.redelivered:
                break
        seen.worker.drain()
        async with asyncio.timeout(60):
            tally = await working
    seen.is_exactly(published)
    assert tally.redelivered > 0, "no ack was forgotten, so that this shows nothing"
    assert tally.handled == len(published), tally
    assert tally.duplicates == tally.rejected == 0, tally
    assert await unsettled(nats_server.url) == 0


class Publishing:
    """Publishes a chunk after the other until it is told to end; keeps what was acknowledged."""

    def __init__(self, bus: Bus) -> None:
        self.acknowledged: list[str] = []
        self.enough = False
        self._bus = bus

    async def run(self) -> None:
        while not self.enough:
            chunk = [self._bus.prepare(call(n)) for n in range(20)]
            await self._bus.publish_many(chunk)
            self.acknowledged += [message.id for message in chunk]
            await asyncio.sleep(0.01)  # no faster: two processor cores serve three servers

    async def goes_on(self) -> None:
        """Return when more was acknowledged than when this was called."""
        mark = len(self.acknowledged) + 500
        await until(lambda: len(self.acknowledged) >= mark, "publishing goes on", 90)


async def all_caught_up(cluster: NatsCluster) -> None:
    await cluster.ready()
    await cluster.caught_up("DMS_EVENTS")
    await cluster.caught_up("DMS_EVENTS", DURABLE)


@pytest.mark.slow
async def test_a_cluster_that_loses_its_leader_and_then_another_node_loses_and_doubles_nothing(
    tmp_path: Path,
) -> None:
    seen = Seen()
    async with (
        nats_cluster(tmp_path) as cluster,
        dms_events.connect(cluster.url, replicas=3, publish_timeout_s=60) as publisher,
        dms_events.connect(cluster.url, replicas=3) as reader,
        asyncio.TaskGroup() as tasks,
    ):
        working = tasks.create_task(seen.worker.run(reader))
        publishing = Publishing(publisher)
        going = tasks.create_task(publishing.run())
        await publishing.goes_on()
        for _ in range(sized(1, 5)):
            await all_caught_up(cluster)
            first = await cluster.leader("DMS_EVENTS")
            await cluster.nodes[first].kill()
            await publishing.goes_on()
            await cluster.nodes[first].start()
            await all_caught_up(cluster)

            leader = await cluster.leader("DMS_EVENTS")
            second = next(node for node in (leader, *cluster.nodes) if node != first)
            await cluster.nodes[second].kill()
            await publishing.goes_on()
            if SOAK:
                await cluster.nodes[second].start()
        publishing.enough = True
        await going
        seen.worker.drain()
        async with asyncio.timeout(120):
            tally = await working
        # A cluster that is about to elect makes no consumer, and reading the stream takes one.
        await cluster.ready(without="" if SOAK else second)
        stored = await in_stream(reader)

    assert len(set(stored)) == len(stored)
    assert set(publishing.acknowledged) <= set(stored), "an acknowledged event is lost"
    assert sorted(stored) == sorted(publishing.acknowledged)
    seen.is_exactly(stored)
    assert tally.handled == len(stored), tally
    assert tally.duplicates == tally.rejected == 0, tally
