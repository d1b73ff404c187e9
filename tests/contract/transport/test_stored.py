"""Single messages by their position: fetched, and deleted for good."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from dms_events import Bus, ConfigError, ConnectionLostError, PublishError, TransportError
from dms_events.transport import SupportsDeadLetters as Stored
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, collect, event_calls, nothing_comes

STORING = pytest.mark.promised("acknowledges")


@pytest_asyncio.fixture
async def transport(place: Place, bus: Bus) -> AsyncIterator[Stored]:
    transport = place.transport()
    await transport.open()
    yield transport
    await transport.close()


@STORING
async def test_a_stored_message_is_fetched_by_its_position(bus: Bus, transport: Stored) -> None:
    messages = [bus.prepare(event) for event in event_calls(3)]
    await bus.publish_many(messages)
    assert [await transport.fetch("events", n) for n in (1, 2, 3)] == [m.data for m in messages]
    assert [await transport.fetch("events", n) for n in (0, 4)] == [None, None]
    assert await transport.fetch("dead", 1) is None


@STORING
async def test_an_empty_message_is_one(place: Place, transport: Stored) -> None:
    await place.put(b"", "elk_stats.ServiceCall")
    assert await transport.fetch("events", 1) == b""


@STORING
async def test_what_is_deleted_is_gone_and_the_others_stay_where_they_are(
    bus: Bus, transport: Stored
) -> None:
    await bus.publish_many(event_calls(3))
    assert await transport.delete("events", 2) is True
    assert await transport.delete("events", 2) is False
    assert await transport.delete("events", 9) is False
    assert await transport.fetch("events", 2) is None
    assert await transport.fetch("events", 3) is not None
    async with bus.subscribe("*", durable="later") as messages:
        arrived = await collect(messages, 2)
        assert [(m.sequence, m.event.call_id) for m in arrived] == [(1, 0.0), (3, 2.0)]
        assert await nothing_comes(messages, 0.1)
        assert await messages.backlog() == 0
        await bus.publish(call(7))
        assert [m.sequence for m in await collect(messages, 1)] == [4]


@STORING
async def test_what_is_deleted_does_not_come_again(bus: Bus, transport: Stored) -> None:
    await bus.publish_many(event_calls(2))
    async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.5) as messages:
        first, _ = await collect(messages, 2, ack=False)
        assert await transport.delete("events", first.sequence)
        [again] = await collect(messages, 1)
        assert (again.sequence, again.attempt) == (2, 2)
        assert await nothing_comes(messages, 0.6)
        await first.ack()


@STORING
async def test_the_id_of_what_was_deleted_is_still_known(bus: Bus, transport: Stored) -> None:
    message = bus.prepare(call())
    await bus.publish(message)
    assert await transport.delete("events", 1)
    await bus.publish(message)
    assert await transport.fetch("events", 2) is None


@STORING
async def test_deleting_makes_room(place: Place) -> None:
    async with place.connect(max_messages=2) as bus:
        await bus.publish_many(event_calls(2))
        with pytest.raises(PublishError):
            await bus.publish(call(3))
        assert await place.undo(1)
        await bus.publish(call(4))
        async with bus.subscribe(ServiceCall, durable="d") as messages:
            assert [m.event.call_id for m in await collect(messages, 2)] == [1.0, 4.0]


@STORING
async def test_deleting_makes_room_in_bytes(place: Place) -> None:
    large = msgspec.structs.replace(call(1), status="x" * 300_000)
    async with place.connect(max_bytes=700_000) as bus:
        await bus.publish(large)
        with pytest.raises(PublishError):
            await bus.publish(large)
        assert await place.undo(1)
        await bus.publish(large)


@STORING
async def test_a_closed_transport_neither_fetches_nor_deletes(place: Place) -> None:
    transport = place.transport()
    await transport.open()
    await transport.close()
    with pytest.raises(ConnectionLostError):
        await transport.fetch("events", 1)
    with pytest.raises(ConnectionLostError):
        await transport.delete("events", 1)


@pytest.mark.only("nats")
async def test_what_a_stream_does_not_allow_is_an_error(place: Place) -> None:
    async with place.foreign() as client:
        await client.jetstream().add_stream(
            name=f"{place.root}_DEAD".upper(), subjects=[f"{place.root}.dead.>"], deny_delete=True
        )
        await client.jetstream().publish(f"{place.root}.dead.a.B", b"kept")
    transport = place.transport()
    await transport.open()
    with pytest.raises(TransportError, match=r"delete message 1 of .*not permitted"):
        await transport.delete("dead", 1)
    assert await transport.fetch("dead", 1) == b"kept"
    await transport.close()


@pytest.mark.only("nats-core")
async def test_where_nothing_is_stored_that_is_said(transport: Stored) -> None:
    with pytest.raises(ConfigError, match="durable=True"):
        await transport.fetch("events", 1)
    with pytest.raises(ConfigError, match="durable=True"):
        await transport.delete("dead", 1)
