"""Many messages to an acknowledgement, and what happens where the server does not go along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import msgspec
import nats
import pytest
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig

import dms_events
from dms_events import Bus, OutgoingMessage, PublishError
from dms_events_nats import NatsServer
from tests.kit.storing import call, prepared

STREAM = "DMS_EVENTS"


async def stored(client: Client) -> list[str]:
    """The identities in the stream, in order."""
    manager = client.jsm()
    last = (await manager.stream_info(STREAM)).state.last_seq
    subscription = await client.jetstream().pull_subscribe(
        "dms.events.>", stream=STREAM, config=ConsumerConfig(ack_policy=AckPolicy.NONE)
    )
    ids: list[str] = []
    while len(ids) < last:
        count = min(1000, last - len(ids))
        ids += [m.headers["Nats-Msg-Id"] for m in await subscription.fetch(count, 60) if m.headers]
    return ids


def long(bus: Bus, number: int, size: int) -> OutgoingMessage:
    return bus.prepare(msgspec.structs.replace(call(number), status="x" * size))


def ids_of(messages: list[OutgoingMessage]) -> list[str]:
    return [message.id for message in messages]


async def allow_batches(client: Client, allowed: bool) -> None:
    """As an operator would."""
    manager = client.jsm()
    config = (await manager.stream_info(STREAM)).config
    config.allow_batched = allowed
    await manager.update_stream(config)


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await nats.connect(nats_server.url)
    yield client
    await client.close()


@pytest.fixture
async def answers(client: Client) -> list[bytes]:
    """What the server says to anybody."""
    heard: list[bytes] = []

    async def hear(message: object) -> None:
        heard.append(b"")

    await client.subscribe("_INBOX.>", cb=hear)
    return heard


async def test_many_messages_take_few_acknowledgements(
    nats_server: NatsServer, client: Client, answers: list[bytes]
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        messages = prepared(bus, 10_000)
        assert await bus.publish_many(messages) == 10_000
        await client.flush()
        assert len(answers) < 700
        assert await bus.publish_many(messages[::2]) == 5_000, "they are stored already"
        assert await stored(client) == ids_of(messages)


async def test_a_stream_that_takes_no_batches_stores_the_same(
    nats_server: NatsServer, client: Client, answers: list[bytes]
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await allow_batches(client, False)
        messages = prepared(bus, 3_000)
        assert await bus.publish_many(messages) == 3_000
        await client.flush()
        assert len(answers) > 3_000
        assert await stored(client) == ids_of(messages)


async def test_batches_may_be_forbidden_in_the_middle(
    nats_server: NatsServer, client: Client
) -> None:
    async with dms_events.connect(nats_server.url) as bus, asyncio.TaskGroup() as tasks:
        messages = prepared(bus, 30_000)
        publishing = tasks.create_task(bus.publish_many(messages))
        for allowed in (False, True, False, True):
            await asyncio.sleep(0.02)
            await allow_batches(client, allowed)
        assert await publishing == 30_000
    assert await stored(client) == ids_of(messages)


async def test_publishers_beside_each_other_share_the_stream(
    nats_server: NatsServer, client: Client
) -> None:
    async with (
        dms_events.connect(nats_server.url) as one,
        dms_events.connect(nats_server.url) as other,
    ):
        parts = [prepared(bus, 2_000) for bus in (one, one, one, other, other)]
        await asyncio.gather(
            *(one.publish_many(part) for part in parts[:3]),
            *(other.publish_many(part) for part in parts[3:]),
        )
    ids = await stored(client)
    assert len(ids) == 10_000
    for part in parts:
        mine = set(ids_of(part))
        assert [id for id in ids if id in mine] == ids_of(part), "in the order of its publisher"


@pytest.mark.parametrize("room", [510, 999, 1_203])
async def test_what_a_full_stream_refuses_is_told_exactly(
    nats_server: NatsServer, client: Client, room: int
) -> None:
    async with dms_events.connect(nats_server.url, max_messages=room) as bus:
        messages = prepared(bus, 4_000)
        with pytest.raises(PublishError, match="maximum messages exceeded") as caught:
            await bus.publish_many(messages)
        assert list(caught.value.unacknowledged) == messages[room:]
    assert await stored(client) == ids_of(messages[:room])


async def test_a_message_that_is_too_large_ends_it_after_those_before(
    nats_server: NatsServer, client: Client
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        messages = prepared(bus, 2_000)
        messages[1_300] = long(bus, 1300, 2_000_000)
        with pytest.raises(PublishError, match="max_payload") as caught:
            await bus.publish_many(messages)
        assert list(caught.value.unacknowledged) == messages[1_300:]
        assert await stored(client) == ids_of(messages[:1_300])


async def test_what_a_generator_raises_comes_after_those_before(
    nats_server: NatsServer, client: Client
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        messages = prepared(bus, 2_000)

        def broken() -> Iterator[OutgoingMessage]:
            yield from messages
            raise LookupError

        with pytest.raises(LookupError):
            await bus.publish_many(broken())
    assert await stored(client) == ids_of(messages)


async def test_large_messages_are_stored_in_order(nats_server: NatsServer, client: Client) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        messages = [
            long(bus, number, 60_000 if number % 2_000 > 800 else 10) for number in range(3_000)
        ]
        assert await bus.publish_many(messages) == 3_000
    assert await stored(client) == ids_of(messages)


async def test_a_publisher_that_is_cancelled_disturbs_nobody(
    nats_server: NatsServer, client: Client
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        messages = prepared(bus, 50_000)
        stored_some = asyncio.Event()

        async def hear(message: object) -> None:
            stored_some.set()

        await client.subscribe("dms.events.>", cb=hear, max_msgs=2_000)
        publishing = asyncio.create_task(bus.publish_many(messages))
        await stored_some.wait()
        publishing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await publishing
        assert await bus.publish_many(messages) == 50_000, "each is stored once"
        assert sorted(await stored(client)) == sorted(ids_of(messages))


async def test_a_batch_that_the_server_forgot_is_sent_again(
    nats_server: NatsServer, client: Client
) -> None:
    """As it forgets one that stood still for 10 s: here by forbidding batches for a moment."""
    async with dms_events.connect(nats_server.url) as bus:
        messages = prepared(bus, 5_000)
        arrived = asyncio.Event()

        def slow() -> Iterator[OutgoingMessage]:
            for number, message in enumerate(messages):
                if number == 2_500:
                    arrived.set()
                yield message

        publishing = asyncio.create_task(bus.publish_many(slow()))
        await arrived.wait()
        await allow_batches(client, False)
        await allow_batches(client, True)
        assert await publishing == 5_000
    assert await stored(client) == ids_of(messages)
