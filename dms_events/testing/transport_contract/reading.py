"""Waiting may be cancelled, and identities hold."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from ...bus import Bus, Message
from ...errors import TransportError
from ...types.elk_stats import ServiceCall
from .base import Contract
from .events import BARE, CALL, call, collect, event_calls, nothing_comes, soon
from .harness import TransportHarness
from .promises import ACKNOWLEDGES, UNACKNOWLEDGED, promise

__all__ = ["Reading"]


class Reading(Contract):
    """Waiting may be cancelled, and identities hold."""

    @promise()
    async def test_a_cancelled_wait_for_the_next_message_loses_nothing(self, bus: Bus) -> None:
        """Cancelling a wait for the next message loses nothing.

        To mend it: `Receiver.wait` takes no message: only `pop` does, which does not wait.
        """
        arrived: list[Message[ServiceCall]] = []
        async with bus.subscribe(ServiceCall) as messages:
            for event in event_calls(40):
                waiting = asyncio.ensure_future(anext(messages))
                await asyncio.sleep(0)
                await bus.publish(event)
                waiting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    arrived.append(await waiting)
            arrived += await collect(messages, 40 - len(arrived))
            assert await nothing_comes(messages, 0.1)
        assert [m.event for m in arrived] == event_calls(40)

    @promise()
    async def test_a_cancelled_wait_for_a_batch_loses_nothing(self, bus: Bus) -> None:
        """Cancelling a wait for a batch loses nothing.

        To mend it: take messages in `Receiver.pop` only. `wait` may be cancelled while messages of the
        batch are popped already, and the subscription keeps those.
        """
        async with bus.subscribe(ServiceCall) as messages:
            await bus.publish_many(event_calls(3))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(messages.batch(10, 30.0), 0.5)
            assert [m.event for m in await collect(messages, 3)] == event_calls(3)

    @promise()
    async def test_a_batch_is_full_or_late(self, bus: Bus) -> None:
        """A wait ends as soon as a message is there, and else after its time.

        To mend it: `Receiver.wait` returns True at once if `pop` would return a message, and False
        after `timeout_s`.
        """
        async with bus.subscribe(ServiceCall) as messages:
            await bus.publish_many(event_calls(7))
            async with soon(lambda: "a full batch still waits"):
                assert [m.event for m in await messages.batch(5, 30.0)] == event_calls(5)
                assert [m.event for m in await messages.batch(5, 0.3)] == event_calls(2, first=5)
                assert await messages.batch(5, 0.05) == []

    @promise()
    async def test_the_envelopes_id_goes_before_the_transports(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """`message_id` is the id beside the payload, and is used for a payload that has none.

        To mend it: keep `OutgoingMessage.id` with the message, and return it as
        `Delivery.message_id`.
        """
        with_id = BARE[:-1] + b',"ID":"of-the-envelope"}'
        async with bus.subscribe(ServiceCall) as messages:
            await harness.put(with_id, CALL, id="of-the-header")
            await harness.put(BARE, CALL, id="of-another-header")
            ids = [m.id for m in await collect(messages, 2)]
        assert ids == ["of-the-envelope", "of-another-header"]

    @promise(ACKNOWLEDGES)
    async def test_a_message_without_an_id_has_the_same_id_in_every_reading(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """A stored message has one `position_id`, for every reader; two messages have two.

        To mend it: make it of the place, the sequence and the time stored:
        `dms_events.identity.id_of_position` does.
        """
        await harness.put(BARE, CALL)
        await harness.put(BARE, CALL)
        readings = []
        for durable in ("a", "b"):
            async with (
                harness.connect() as other,
                other.subscribe(ServiceCall, durable=durable) as messages,
            ):
                readings.append([m.id for m in await collect(messages, 2)])
                assert await nothing_comes(messages, 0.1)
        assert readings[0] == readings[1]
        assert len(set(readings[0])) == 2

    @promise(ACKNOWLEDGES)
    async def test_a_redelivered_message_keeps_its_place_and_id(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """A redelivered message keeps its sequence, its time and its id.

        To mend it: store the time with the message. The time of a delivery is another one.
        """
        await harness.put(BARE, CALL)
        async with bus.subscribe(ServiceCall, durable="d") as messages:
            [first] = await collect(messages, 1, ack=False)
            await first.nak()
            [again] = await collect(messages, 1)
        assert (first.id, first.sequence, first.stored_ns) == (
            again.id,
            again.sequence,
            again.stored_ns,
        )

    @promise(UNACKNOWLEDGED)
    async def test_there_is_nothing_to_acknowledge_and_nothing_to_give_back(self, bus: Bus) -> None:
        """Without acknowledgements, acking does nothing, and giving back is a TransportError.

        To mend it: the defaults of `Delivery` do this.
        """
        async with bus.subscribe(ServiceCall) as messages:
            await bus.publish(call())
            [message] = await collect(messages, 1, ack=False)
            await message.ack()
            await message.term()
            await message.in_progress()
            with pytest.raises(TransportError, match="only what a durable delivered"):
                await message.nak()
            assert await nothing_comes(messages, 0.2)
