"""Workers whose links stand still."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import dms_events
from dms_events import Message, Worker
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import EventsSetup, NatsServer, NatsSetup, apply_setup
from tests.kit.programs.processes import until
from tests.kit.servers.link import linked
from tests.kit.storing import call

EVENTS = 60
ACK_WAIT_S = 1.0


def recording(name: str, begun: list[tuple[str, int]]) -> Worker:
    worker = Worker("readers", partitioned=True, ack_wait_s=ACK_WAIT_S, concurrency=2, drain_s=1)

    @worker.on(ServiceCall, key=lambda event: event.status)
    async def handle(event: ServiceCall) -> None:
        begun.append((name, int(event.call_id)))
        await asyncio.sleep(0.1)

    return worker


async def test_who_has_lost_its_link_begins_nothing_once_another_has_its_partitions(
    nats_server: NatsServer,
) -> None:
    await apply_setup(nats_server.url, NatsSetup(events=EventsSetup(partitions=1)))
    begun: list[tuple[str, int]] = []
    first, second = recording("first", begun), recording("second", begun)

    async def until_begun(name: str, number: int) -> None:
        await until(
            lambda: any(who == name and n >= number for who, n in begun), f"{name} has {number}"
        )

    async with (
        linked(nats_server.url) as link,
        dms_events.connect(link.url) as far,
        dms_events.connect(nats_server.url, source="peer") as near,
    ):
        await near.publish_many(call(number) for number in range(EVENTS))
        working = [asyncio.create_task(first.run(far))]
        await until_begun("first", 2)
        link.stall()
        working.append(asyncio.create_task(second.run(near)))
        await until_begun("second", 12)
        link.mend()
        await until_begun("second", EVENTS - 1)
        for worker in (first, second):
            worker.stop()
        await asyncio.gather(*working)

    taken_over = next(i for i, (who, _) in enumerate(begun) if who == "second")
    after = begun[taken_over:]
    assert {who for who, _ in after} == {"second"}
    for part in (begun[:taken_over], after):
        numbers = [number for _, number in part]
        assert all(one + 1 == next_one for one, next_one in pairwise(numbers))
    assert after[0][1] <= begun[taken_over - 1][1] + 1
    assert first.stats.returned > 0


async def test_messages_that_went_into_a_dead_link_come_after_the_ack_wait(
    nats_server: NatsServer,
) -> None:
    handled: list[float] = []
    deliveries: set[int] = set()
    worker = Worker("readers", ack_wait_s=4)

    @worker.on(ServiceCall)
    async def handle(event: ServiceCall, message: Message[ServiceCall]) -> None:
        deliveries.add(message.delivery.attempt)
        handled.append(event.call_id)

    async with (
        linked(nats_server.url) as link,
        dms_events.connect(link.url, link_timeout_s=1.5, ping_interval_s=0.4) as far,
        dms_events.connect(nats_server.url) as near,
    ):
        running = asyncio.create_task(worker.run(far))
        await near.publish(call(0))
        await until(lambda: handled == [0], "the worker reads")
        link.stall_old()
        await near.publish_many(call(number) for number in range(1, 11))
        await until(lambda: len(handled) == 11, "those that went into the dead link came again", 60)
        worker.stop()
        await running
    assert sorted(handled) == [*range(11)]
    assert 2 in deliveries
