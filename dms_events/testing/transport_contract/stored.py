"""Stored messages are fetched by their position, and deleted for good."""

from __future__ import annotations

import msgspec
import pytest

from ...bus import Bus
from ...errors import ConnectionLostError, PublishError
from ...types.elk_stats import ServiceCall
from .base import Contract
from .events import call, collect, event_calls, nothing_comes, until
from .harness import TransportHarness
from .promises import DEDUPES, FULL, STORES, promise
from .rooms import place_for, place_of_bytes

__all__ = ["Storing"]


class Storing(Contract):
    """Stored messages are fetched by their position, and deleted for good."""

    @promise(STORES)
    async def test_a_stored_message_is_fetched_by_its_position(self, bus: Bus) -> None:
        """The first message of a channel has the position 1, the next one 2, and `fetch` returns its
        payload.

        To mend it: count each channel for itself, from 1, without gaps. `fetch` returns None for a
        position without a message.
        """
        messages = [bus.prepare(event) for event in event_calls(3)]
        await bus.publish_many(messages)
        assert [await bus.transport.fetch("events", n) for n in (1, 2, 3)] == [
            m.data for m in messages
        ]
        assert [await bus.transport.fetch("events", n) for n in (0, 4)] == [None, None]
        assert await bus.transport.fetch("dead", 1) is None

    @promise(STORES)
    async def test_an_empty_message_is_one(self, harness: TransportHarness, bus: Bus) -> None:
        """An empty payload is a message.

        To mend it: return b'' for it from `fetch`, and not None.
        """
        await harness.put(b"", "elk_stats.ServiceCall")
        assert await bus.transport.fetch("events", 1) == b""

    @promise(STORES)
    async def test_what_is_deleted_is_gone_and_the_others_stay_where_they_are(
        self, bus: Bus
    ) -> None:
        """A deleted message is gone for every reader, and no other message changes its position.

        To mend it: never use a position again. `delete` returns False if the message is not there.
        """
        await bus.publish_many(event_calls(3))
        assert await bus.transport.delete("events", 2) is True
        assert await bus.transport.delete("events", 2) is False
        assert await bus.transport.delete("events", 9) is False
        assert await bus.transport.fetch("events", 2) is None
        assert await bus.transport.fetch("events", 3) is not None
        async with bus.subscribe("*", durable="later") as messages:
            arrived = await collect(messages, 2)
            assert [(m.sequence, m.event.call_id) for m in arrived] == [(1, 0.0), (3, 2.0)]
            assert await nothing_comes(messages, 0.1)
            assert await messages.backlog() == 0
            await bus.publish(call(7))
            assert [m.sequence for m in await collect(messages, 1)] == [4]

    @promise(STORES)
    async def test_what_is_deleted_does_not_come_again(self, bus: Bus) -> None:
        """A deleted message is not delivered again, also if a reader has it in hand, and leaves the
        backlog.

        To mend it: forget it in each durable. Settling it then does nothing.
        """
        await bus.publish_many(event_calls(2))
        async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.5) as messages:
            first, _ = await collect(messages, 2, ack=False)
            assert await bus.transport.delete("events", first.sequence)
            [again] = await collect(messages, 1)
            assert (again.sequence, again.attempt) == (2, 2)
            assert await nothing_comes(messages, 0.6)

            async def settled() -> bool:
                return not await messages.backlog()

            await until(settled)
            await first.ack()

    @promise(STORES, DEDUPES)
    async def test_the_id_of_what_was_deleted_is_still_known(self, bus: Bus) -> None:
        """The id of a deleted message stays known.

        To mend it: keep the id when you delete the message.
        """
        message = bus.prepare(call())
        await bus.publish(message)
        assert await bus.transport.delete("events", 1)
        await bus.publish(message)
        assert await bus.transport.fetch("events", 2) is None

    @promise(STORES, FULL)
    async def test_deleting_makes_room(self, harness: TransportHarness) -> None:
        """Deleting a message makes room for another one.

        To mend it: count the messages that are there, and not the highest position.
        """
        place = place_for(harness, 2)
        async with place.bus as bus:
            await bus.publish_many(place.calls(2))
            with pytest.raises(PublishError):
                await bus.publish(place.call(3))
            assert await bus.transport.delete("events", 1)
            await bus.publish(place.call(4))
            async with bus.subscribe(ServiceCall, durable="d") as messages:
                assert [m.event.call_id for m in await collect(messages, 2)] == [1.0, 4.0]

    @promise(STORES, FULL)
    async def test_deleting_makes_room_in_bytes(self, harness: TransportHarness) -> None:
        """Deleting a message makes room for its bytes.

        To mend it: count the bytes of the messages that are there.
        """
        large = msgspec.structs.replace(call(1), status="x" * 300_000)
        async with place_of_bytes(harness, 700_000) as bus:
            await bus.publish(large)
            with pytest.raises(PublishError):
                await bus.publish(large)
            assert await bus.transport.delete("events", 1)
            await bus.publish(large)

    @promise(STORES)
    async def test_a_closed_transport_neither_fetches_nor_deletes(
        self, harness: TransportHarness
    ) -> None:
        """A closed transport raises ConnectionLostError in `fetch` and `delete`.

        To mend it: check that the transport is open.
        """
        async with harness.connect() as bus:
            pass
        with pytest.raises(ConnectionLostError):
            await bus.transport.fetch("events", 1)
        with pytest.raises(ConnectionLostError):
            await bus.transport.delete("events", 1)
