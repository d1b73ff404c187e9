"""Worker processes that share a durable by partitions, of which some die: keys keep their order."""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

import dms_events
from dms_events import Bus, ConfigError
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import EventsSetup, NatsServer, NatsSetup, apply_setup
from tests.kit.programs.processes import Running, running, until
from tests.kit.programs.worker_program import DURABLE, Journal, program
from tests.kit.soak import sized
from tests.kit.storing import call

PEERS = 12


async def publish(bus: Bus, first: int, last: int) -> None:
    await bus.publish_many(
        bus.prepare(
            msgspec.structs.replace(call(number), peer_id_of_service_host=peer), source=peer
        )
        for number in range(first, last)
        for peer in [f"peer-{number % PEERS}"]
    )


def check(journal: Journal, dead: set[int]) -> None:
    """Of each peer: in order, whatever comes again; and no two processes at a time."""
    first_time: defaultdict[int, list[int]] = defaultdict(list)
    begun: dict[int, int] = {}
    for word, number, pid in journal.lines:
        peer = number % PEERS
        if word == "begin":
            assert begun.get(peer) is None or begun[peer] in dead
            begun[peer] = pid
            if number not in first_time[peer]:
                first_time[peer].append(number)
        else:
            del begun[peer]
    for numbers in first_time.values():
        assert all(before < after for before, after in pairwise(numbers))


async def at_work(journal: Journal, *programs: Running) -> None:
    """All of them handle something."""
    for one in programs:
        await until(
            lambda pid=one.pid: any(line[2] == pid for line in journal.lines),  # type: ignore[misc]
            "each process has a part",
            by=one,
        )


@pytest.mark.soak
async def test_processes_that_join_leave_and_die_keep_the_order_of_each_key(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    rounds = sized(20, 500)
    journal = Journal(tmp_path / "journal")
    await apply_setup(nats_server.url, NatsSetup(events=EventsSetup(partitions=4)))
    command = program(
        nats_server.url, journal, partitioned=1, ack_wait_s=3, pause_s=0.01, concurrency=4
    )
    count = 0

    async def go_on_publishing() -> None:
        nonlocal count
        while True:
            await publish(bus, count, count + PEERS)
            count += PEERS
            await asyncio.sleep(0.05)

    async with dms_events.connect(nats_server.url) as bus, running(*command) as first:
        publishing = asyncio.create_task(go_on_publishing())
        await at_work(journal, first)
        async with running(*command) as second, running(*command) as third:
            await at_work(journal, second, third)
            await until(lambda: count > rounds * PEERS, "so many are published")
            await second.kill()
            third.send(signal.SIGTERM)
            assert (await third.finish()).code == 0
            publishing.cancel()
            with suppress(asyncio.CancelledError):
                await publishing
            await publish(bus, count, count + PEERS)  # the last may have been cancelled half-way
            await until(
                lambda: len(journal.ended) >= count + PEERS,
                "all are handled",
                within_s=120,
                by=first,
            )
        check(journal, {second.pid})
        assert [letter async for letter in bus.dead_letters.find()] == []


async def test_what_was_stored_before_there_were_partitions_is_read_too(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await publish(bus, 0, 24)
        await apply_setup(nats_server.url, NatsSetup(events=EventsSetup(partitions=4)))
        await publish(bus, 24, 48)
        async with bus.subscribe("elk_stats.*", durable="all", partitioned=True) as messages:
            seen = [int((await anext(messages)).event.call_id) for _ in range(48)]
            assert sorted(seen) == list(range(48))
            assert await messages.backlog() == 48


async def test_what_lies_in_partitions_that_there_are_no_more_is_in_the_backlog_and_is_read(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url) as bus:

        def readers() -> dms_events.Subscription[ServiceCall]:
            return bus.subscribe(ServiceCall, durable=DURABLE, partitioned=True, ack_wait_s=1)

        await apply_setup(nats_server.url, NatsSetup(events=EventsSetup(partitions=4)))
        async with readers():
            pass
        await publish(bus, 0, 24)
        await apply_setup(nats_server.url, NatsSetup(events=EventsSetup(partitions=1)))
        await publish(bus, 24, 48)
        async with readers() as messages, asyncio.timeout(20):
            assert await messages.backlog() == 48
            async for message in messages:
                await message.ack()
                if await messages.backlog() == 0:
                    break


async def test_a_durable_that_is_not_read_by_partitions_is_refused(nats_server: NatsServer) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        async with bus.subscribe(ServiceCall, durable=DURABLE):
            pass
        with pytest.raises(ConfigError, match="Choose another durable name"):
            async with bus.subscribe(ServiceCall, durable=DURABLE, partitioned=True):
                pass


async def test_a_subscription_that_was_left_with_messages_in_hand_keeps_its_place_for_a_while(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await publish(bus, 0, 24)

        def readers() -> dms_events.Subscription[ServiceCall]:
            return bus.subscribe(ServiceCall, durable=DURABLE, partitioned=True, ack_wait_s=1)

        async with readers() as left:
            held = [await anext(left) for _ in range(12)]
        async with readers() as heir:
            async with asyncio.timeout(10):
                calls = [await anext(heir) for _ in range(24)]
        assert [m.event for m in calls[:12]] == [m.event for m in held]
        assert [m.event.call_id for m in calls] == sorted(m.event.call_id for m in calls)
