"""Partitions: the server appends to what it stores which part of the sources it belongs to."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

import dms_events
from dms_events import Bus
from dms_events.types.elk_stats import NtxPayment, ServiceCall
from dms_events_nats import EventsSetup, NatsServer, NatsSetup, apply_setup
from tests.kit.servers.operator import Operator, at
from tests.kit.storing import call

PAYMENT = NtxPayment(
    call_id=1.0,
    service_id="service",
    amount_of_ntx=7,
    peer_id="peer",
    success_fail_status="success",
    timestamp=1_795_460_123.5,
)
SOURCES = [f"peer-{number}" for number in range(64)]


def parts(count: int, root: str = "dms") -> NatsSetup:
    return NatsSetup(root=root, events=EventsSetup(partitions=count))


async def publish_from_all(bus: Bus) -> None:
    await bus.publish_many(
        bus.prepare(event, source=source) for source in SOURCES for event in (call(1), PAYMENT)
    )


async def read_part(operator: Operator, number: int) -> list[str]:
    """The subjects of what a consumer of one partition reads, from the start of the stream."""
    name = f"part-{number}"
    filters = f"dms.events.*.*.*.{number}"
    await operator.make_consumer(name, filter_subject=filters, ack_policy="none")
    waiting = (await operator.api(f"CONSUMER.INFO.DMS_EVENTS.{name}"))["num_pending"]
    reader = await operator.client.jetstream().pull_subscribe_bind(name, stream="DMS_EVENTS")
    return [message.subject for message in await reader.fetch(waiting)] if waiting else []


@pytest.mark.parametrize("root", ["dms", "north.dms"])
async def test_a_source_has_one_partition_and_all_partitions_have_sources(
    nats_server: NatsServer, root: str
) -> None:
    await apply_setup(nats_server.url, parts(4, root))
    async with dms_events.connect(nats_server.url, root=root) as bus:
        await publish_from_all(bus)
    found = defaultdict(set)
    async with at(nats_server.url) as operator:
        subjects = await operator.subjects(f"{root.replace('.', '_').upper()}_EVENTS")
    assert len(subjects) == 2 * len(SOURCES)
    for subject in subjects:
        *_, source, partition = subject.split(".")
        found[source].add(partition)
    assert set(found) == set(SOURCES)
    assert all(len(partitions) == 1 for partitions in found.values())
    assert set.union(*found.values()) == {"0", "1", "2", "3"}


async def test_readers_of_a_partitioned_stream_read_what_was_published(
    nats_server: NatsServer,
) -> None:
    await apply_setup(nats_server.url, parts(4))
    async with (
        dms_events.connect(nats_server.url, source="peer-1") as bus,
        dms_events.connect(nats_server.url, durable=False) as core,
        core.subscribe(ServiceCall) as at_once,
        bus.subscribe(ServiceCall, durable="billing") as messages,
        bus.subscribe("elk_stats.*", start="all") as module,
    ):
        published = bus.prepare(call(7))
        for _ in range(3):
            await bus.publish(published)  # the server knows it again by its identity
        await bus.publish(PAYMENT)
        message = await anext(messages)
        assert (message.event, message.id) == (call(7), published.id)
        assert (message.type_name, message.source) == ("elk_stats.ServiceCall", "peer-1")
        await message.ack()
        assert await messages.batch(1, 0.3) == []
        assert [(await anext(module)).event for _ in range(2)] == [call(7), PAYMENT]
        assert await messages.backlog() == 0
        live = await anext(at_once)
        assert (live.event, live.source) == (call(7), "peer-1")


async def test_a_message_without_a_source_has_a_partition_and_one_with_more_tokens_has_none(
    nats_server: NatsServer,
) -> None:
    await apply_setup(nats_server.url, parts(4))
    async with at(nats_server.url) as operator, dms_events.connect(nats_server.url) as bus:
        stream = operator.client.jetstream()
        await bus.publish(call(1))
        await stream.publish("dms.events.elk_stats.ServiceCall.peer-1.more", b"{}")
        [without, with_more] = sorted(await operator.subjects())
        assert without.rpartition(".")[0] == "dms.events.elk_stats.ServiceCall._"
        assert with_more == "dms.events.elk_stats.ServiceCall.peer-1.more"
        async with bus.subscribe(ServiceCall, durable="billing") as messages:
            message = await anext(messages)
            assert (message.event, message.source) == (call(1), "")
            await message.ack()
            with pytest.raises(TimeoutError):  # the other is no event: a dead letter
                await asyncio.wait_for(anext(messages), 0.3)
        [letter] = [letter async for letter in bus.dead_letters.find()]
        assert letter.type_name == "elk_stats.ServiceCall"


async def test_a_stream_can_be_partitioned_later_and_what_it_has_stays_as_it_is(
    nats_server: NatsServer,
) -> None:
    async with (
        at(nats_server.url) as operator,
        dms_events.connect(nats_server.url) as bus,
        bus.subscribe("elk_stats.*", durable="both") as messages,
    ):
        await publish_from_all(bus)
        before = set(await operator.subjects())
        [found] = await apply_setup(nats_server.url, parts(2))
        assert (found.setting, found.actual, found.applied) == ("partitions", "0", True)
        await publish_from_all(bus)

        after = set(await operator.subjects())
        assert before < after, "what was there has no partition"
        parted = {subject.rpartition(".")[0] for subject in after - before}
        assert parted == before, "what came since has one"
        read = [await read_part(operator, number) for number in (0, 1)]
        assert sorted(read[0] + read[1]) == sorted(after - before), "which is all its readers see"

        taken: list[str] = []
        while len(taken) < 4 * len(SOURCES):
            taken += [message.source for message in await messages.batch(len(SOURCES), 10.0)]
        assert sorted(taken) == sorted(SOURCES * 4), "a durable reads both"


async def test_partitions_are_changed_and_turned_off_for_what_comes(
    nats_server: NatsServer,
) -> None:
    async with at(nats_server.url) as operator:
        ends = []
        for count in (1, 8, 0):
            await apply_setup(nats_server.url, parts(count))
            async with dms_events.connect(nats_server.url) as bus:
                await publish_from_all(bus)
            ends.append({subject.split(".", 5)[-1] for subject in await operator.subjects()})
            await operator.api("STREAM.PURGE.DMS_EVENTS")
        assert ends == [{"0"}, {str(number) for number in range(8)}, set(SOURCES)]
        assert "subject_transform" not in await operator.stream()


async def test_an_operators_own_transform_is_reported_and_left(nats_server: NatsServer) -> None:
    await apply_setup(nats_server.url, NatsSetup())
    own = {"src": "dms.events.*.*.*", "dest": "dms.events.{{wildcard(1)}}.{{wildcard(2)}}.x"}
    async with at(nats_server.url) as operator:
        await operator.change_stream(subject_transform=own)
        [found] = await apply_setup(nats_server.url, parts(4))
        assert (found.setting, found.declared, found.state) == ("partitions", "4", "changed")
        assert found.actual == f"{own['src']} → {own['dest']}"
        assert await apply_setup(nats_server.url, NatsSetup()) == []
        assert (await operator.stream())["subject_transform"] == own
