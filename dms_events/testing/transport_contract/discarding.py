"""Of every message that is thrown away, somebody is told."""

from __future__ import annotations

import pytest

from ...bus import Bus, Discarded
from ...errors import DecodeError, DroppedError, UnknownTypeError
from ...types.elk_stats import ServiceCall
from .base import Contract
from .events import CALL, call, collect, event_calls, until
from .harness import TransportHarness
from .promises import ACKNOWLEDGES, DROPS, promise

__all__ = ["Discarding"]


class Discarding(Contract):
    """Of every message that is thrown away, somebody is told."""

    @promise()
    async def test_what_cannot_be_read_is_told_with_its_bytes_and_its_source(
        self, harness: TransportHarness
    ) -> None:
        """Bytes that are no event reach the reader's bus, which reports them with their source and
        subject.

        To mend it: hand on every message, whatever its bytes are. `Delivery.subject` names the type,
        for people.
        """
        told: list[Discarded] = []
        unknown = b'{"Type": "elk_stats.Nothing", "Data": "e30="}'
        async with (
            harness.connect(on_error=told.append) as bus,
            bus.subscribe(ServiceCall) as messages,
        ):
            for data in (b"noise", unknown):
                await harness.put(data, CALL, source="peer-1")
            await bus.publish(call(1))
            [message] = await collect(messages, 1)
            assert message.event.call_id == 1
            await until(lambda: len(told) == 2)
            assert (messages.undecodable, bus.discards.count) == (2, 2)
        by_bytes = {discarded.data: discarded for discarded in told}
        assert isinstance(by_bytes[b"noise"].error, DecodeError)
        assert isinstance(by_bytes[unknown].error, UnknownTypeError)
        for discarded in told:
            assert discarded.count == 1
            assert CALL in discarded.subject
            assert discarded.source == harness.source_of("peer-1")
            assert discarded.size >= len(discarded.data)

    @promise(ACKNOWLEDGES)
    async def test_what_is_kept_as_a_dead_letter_is_not_told(
        self, harness: TransportHarness
    ) -> None:
        """The channel `dead` stores messages beside the channel `events`.

        To mend it: keep `OutgoingMessage.channel` apart: each channel has its own messages, positions
        and durables.
        """
        told: list[Discarded] = []
        async with (
            harness.connect(on_error=told.append) as bus,
            bus.subscribe(ServiceCall, durable="billing") as messages,
        ):
            await harness.put(b"noise", CALL)
            await bus.publish(call(1))
            await collect(messages, 1)
            await until(lambda: messages.undecodable == 1)
        async with harness.connect() as bus:
            assert len([letter async for letter in bus.dead_letters.find()]) == 1
        assert told == []

    @promise(DROPS)
    async def test_messages_that_are_dropped_for_want_of_room_are_told_in_bursts(
        self, harness: TransportHarness, bus: Bus, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Messages that find no room are counted and reported.

        To mend it: let the receiver inherit from `DroppingReceiver`, or count with `Drops` in
        `Receiver.drops`.
        """
        room = harness.room(size=2_000) or harness.room(messages=5)
        if room is None:
            pytest.fail(
                "the transport promises to count drops (Guarantees.full), which is tested at a small "
                "place: let `TransportHarness.room` return the options for a few bytes or messages",
                pytrace=False,
            )
        told: list[Discarded] = []
        async with (
            harness.connect(on_error=told.append, **room) as reader,
            reader.subscribe(ServiceCall) as messages,
        ):
            for event in event_calls(40):
                await bus.publish(event)
            await until(lambda: messages.dropped > 30)
        assert (
            sum(discarded.count for discarded in told) == messages.dropped == reader.discards.count
        )
        assert len(told) < messages.dropped
        for discarded in told:
            assert isinstance(discarded.error, DroppedError)
            assert discarded.error.count == discarded.count
            assert not discarded.data
        assert f"{messages.dropped} messages were dropped so far" in caplog.text
