"""Many tasks publish one event each at once, and each hears what became of its own."""

from __future__ import annotations

import asyncio
import json

import msgspec
import pytest
from nats.aio.msg import Msg

import dms_events
from dms_events import Bus, PublishError
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer, NatsTransport
from dms_events_nats.publish import Publisher
from tests.kit.programs.processes import until
from tests.kit.servers.link import linked
from tests.kit.servers.operator import Operator
from tests.kit.storing import call, prepared


async def stored(operator: Operator) -> int:
    return sum((await operator.subjects()).values())


def large_calls(count: int) -> list[ServiceCall]:
    """A thousand are more than the buffers of the client and of the sockets take."""
    return [msgspec.structs.replace(call(number), status="x" * 20_000) for number in range(count)]


def waiting(bus: Bus) -> int:
    """How many messages wait for nothing but their acks."""
    transport = bus._transport
    assert isinstance(transport, NatsTransport)
    assert isinstance(transport._publisher, Publisher)
    return len(transport._publisher._inbox.singles.waiting)


async def test_events_of_many_tasks_are_each_stored_once_over_a_lost_connection(
    nats_server: NatsServer, operator: Operator
) -> None:
    count = 1_000
    async with (
        linked(nats_server.url) as link,
        dms_events.connect(link.url) as bus,
        asyncio.timeout(20),
    ):
        link.stall()
        publishing = [asyncio.create_task(bus.publish(event)) for event in large_calls(count)]
        await until(lambda: waiting(bus) > 30, "some are sent")
        assert waiting(bus) < count, "and some wait until there is room"
        link.cut()
        link.mend()
        identities = await asyncio.gather(*publishing)
        assert len(set(identities)) == count
        assert bus.publish_counts.duplicates == 0
    assert await stored(operator) == count


async def test_what_a_lost_connection_took_is_sent_again_as_soon_as_there_is_another(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with linked(nats_server.url) as link, dms_events.connect(link.url) as bus:
        link.stall()
        publishing = [asyncio.create_task(bus.publish(call(number))) for number in range(10)]
        await until(lambda: waiting(bus) == 10, "all are sent")
        link.cut()
        link.mend()
        async with asyncio.timeout(4):  # sooner than after silence
            await asyncio.gather(*publishing)
    assert await stored(operator) == 10


async def test_a_task_that_is_cancelled_keeps_its_event_and_disturbs_no_other(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with linked(nats_server.url) as link, dms_events.connect(link.url) as bus:
        events = prepared(bus, 10)
        link.stall()
        publishing = [asyncio.create_task(bus.publish(event)) for event in events]
        await until(lambda: waiting(bus) == 10, "all are sent")
        publishing[3].cancel()
        with pytest.raises(asyncio.CancelledError) as cut:
            await publishing[3]
        known = PublishError.behind(cut.value)
        assert known is not None
        assert (known.accepted, list(known.unacknowledged)) == (0, [events[3]])
        assert waiting(bus) == 9
        link.mend()
        await asyncio.gather(*publishing[:3], *publishing[4:])
        await bus.publish(events[3])
        assert bus.publish_counts.duplicates == 0, "it was left open"
    assert await stored(operator) == 10


async def test_a_task_that_is_cancelled_when_its_ack_is_there_says_that_it_is_accepted(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url) as bus, asyncio.timeout(10):
        publishing = asyncio.create_task(bus.publish(call(1)))
        await asyncio.sleep(0)
        while waiting(bus):  # noqa: ASYNC110 - and the task does not yet know it
            await asyncio.sleep(0)
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError) as cut:
            await publishing
    known = PublishError.behind(cut.value)
    assert known is not None
    assert (known.accepted, list(known.unacknowledged)) == (1, [])


async def test_each_task_hears_after_the_time_to_publish_that_nothing_moves(
    nats_server: NatsServer,
) -> None:
    async with (
        linked(nats_server.url) as link,
        dms_events.connect(link.url, publish_timeout_s=1) as bus,
        asyncio.timeout(8),
    ):
        events = prepared(bus, 20)
        large = bus.prepare(msgspec.structs.replace(call(21), status="x" * 600_000))
        events += [msgspec.structs.replace(large, id=f"large-{number}") for number in range(20)]
        link.stall()
        ends = await asyncio.gather(
            *(bus.publish(event) for event in events), return_exceptions=True
        )
        for event, end in zip(events, ends, strict=True):
            assert isinstance(end, PublishError)
            assert list(end.unacknowledged) == [event]
            assert "1 not acknowledged within 1 s" in str(end)
        link.mend()


async def test_closing_the_bus_ends_what_waits(nats_server: NatsServer) -> None:
    async with linked(nats_server.url) as link, asyncio.timeout(15):
        async with dms_events.connect(link.url) as bus:
            link.stall()
            publishing = [asyncio.create_task(bus.publish(event)) for event in large_calls(1_000)]
            await until(lambda: waiting(bus) > 30, "some are sent")
            assert waiting(bus) < 1_000, "and some wait until there is room"
        ends = await asyncio.gather(*publishing, return_exceptions=True)
    assert all(isinstance(end, PublishError) for end in ends)
    assert {str(end) for end in ends} == {"1 not acknowledged: the bus was closed"}


async def test_a_task_that_is_cancelled_in_the_queue_keeps_its_event_and_is_not_sent(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with (
        linked(nats_server.url) as link,
        dms_events.connect(link.url) as bus,
        asyncio.timeout(20),
    ):
        link.stall()
        publishing = [asyncio.create_task(bus.publish(event)) for event in large_calls(1_000)]
        await until(lambda: waiting(bus) > 30, "some are sent")
        publishing[-1].cancel()
        with pytest.raises(asyncio.CancelledError) as cut:
            await publishing[-1]
        known = PublishError.behind(cut.value)
        assert known is not None
        assert (known.accepted, len(known.unacknowledged)) == (0, 1)
        link.mend()
        await asyncio.gather(*publishing[:-1])
        await bus.publish(call(0))
    assert await stored(operator) == 1_000


async def test_two_tasks_with_one_identity_are_warned_of(nats_server: NatsServer) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        one, other = (bus.prepare(call(number), id="the-same") for number in range(2))
        await asyncio.gather(bus.publish(one), bus.publish(other))
        assert bus.publish_counts.duplicates == 1


async def test_an_ack_that_names_a_domain_is_an_ack(
    nats_server: NatsServer, operator: Operator
) -> None:
    """As a server behind a leaf node gives it."""
    refused = json.dumps(
        {"stream": "DMS_EVENTS", "seq": 0, "error": {"code": 503, "err_code": 10077}}
    ).encode()

    async def answer(message: Msg) -> None:
        full = message.subject.endswith(".full")
        ack = b'{"stream":"DMS_EVENTS","seq":7,"domain":"leaf"}'
        await message.respond(refused if full else ack)

    await operator.client.subscribe("dms.events.>", cb=answer)
    await operator.client.flush()
    async with (
        dms_events.connect(nats_server.url, make_streams=False) as bus,
        asyncio.timeout(10),
    ):
        events = [bus.prepare(call(number), source="leaf") for number in range(20)]
        events[7] = bus.prepare(call(7), source="full")
        ends = await asyncio.gather(
            *(bus.publish(event) for event in events), return_exceptions=True
        )
        [error] = [end for end in ends if not isinstance(end, str)]
        assert isinstance(error, PublishError)
        assert list(error.unacknowledged) == [events[7]]
