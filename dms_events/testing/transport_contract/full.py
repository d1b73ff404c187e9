"""A full place refuses, and keeps what it accepted."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
import pytest

from ... import codec
from ...bus import Bus
from ...envelope import decode_envelope
from ...errors import PublishError
from ...transport import OutgoingMessage
from ...types.elk_stats import ServiceCall
from .base import Contract
from .events import collect, event_calls, nothing_comes
from .harness import TransportHarness
from .promises import DEDUPES, FULL, promise
from .rooms import place_for, place_of_bytes

__all__ = ["Full"]


async def numbers(bus: Bus, durable: str, count: int) -> list[float]:
    """Return the call ids of all stored messages."""
    async with bus.subscribe(ServiceCall, durable=durable) as messages:
        arrived = await collect(messages, count)
        assert await nothing_comes(messages, 0.2)
    return [m.event.call_id for m in arrived]


def numbers_in(events: Iterable[msgspec.Struct | OutgoingMessage]) -> list[float]:
    """Return the call ids of the messages that were handed back, ready to be published again."""
    return [
        codec.decode(decode_envelope(event.data).data, ServiceCall).call_id
        for event in events
        if isinstance(event, OutgoingMessage)
    ]


class Full(Contract):
    """A full place refuses, and keeps what it accepted."""

    @promise(FULL)
    async def test_a_full_stream_says_how_many_it_accepted(self, harness: TransportHarness) -> None:
        """A PublishError of `publish_many` says how many messages were accepted before.

        To mend it: raise `PublishError(reason, unacknowledged, accepted)`, or set `accepted` before
        you raise it on. If the number of messages that fit in is wrong, mend `TransportHarness.room`.
        """
        place = place_for(harness, 10)
        async with place.bus as bus:
            with pytest.raises(PublishError) as caught:
                await bus.publish_many(place.calls(25))
        assert caught.value.accepted == 10

    @promise(FULL)
    async def test_a_stream_is_full_in_bytes_too(self, harness: TransportHarness) -> None:
        """A place that is full in bytes raises a PublishError that says so, and keeps what it accepted.

        To mend it: count the bytes of payloads and names, and say `bytes` in the error.
        """
        async with place_of_bytes(harness, 500_000) as bus:
            events = [
                msgspec.structs.replace(event, status="x" * 50_000) for event in event_calls(25)
            ]
            with pytest.raises(PublishError, match="bytes") as caught:
                await bus.publish_many(events)
            accepted = caught.value.accepted
            assert 0 < accepted < 10
            assert len(caught.value.unacknowledged) == 25 - accepted
            assert await numbers(bus, "d", accepted) == [float(n) for n in range(accepted)]

    @promise(FULL)
    async def test_a_full_stream_refuses_and_keeps_what_it_accepted(
        self, harness: TransportHarness
    ) -> None:
        """A full place raises a PublishError that holds the refused messages in order; the accepted ones
        are delivered.

        To mend it: never delete an old message to make room for a new one. `unacknowledged` holds the
        message that was refused, and those after it that were taken from the iterator.
        """
        place = place_for(harness, 10)
        async with place.bus as bus:
            prepared = [bus.prepare(event) for event in place.calls(25)]
            with pytest.raises(PublishError) as caught:
                await bus.publish_many(prepared)
            refused = list(caught.value.unacknowledged)
            assert refused == prepared[10:]
            assert list(caught.value.refused_for_good) == []
            with pytest.raises(PublishError, match=r"elk_stats\.ServiceCall|full") as caught:
                await bus.publish(place.call(99))
            [single] = caught.value.unacknowledged
            assert isinstance(single, OutgoingMessage)
            assert await numbers(bus, "d", 10) == [float(n) for n in range(10)]

    @promise(FULL, DEDUPES)
    async def test_what_is_stored_already_is_accepted_by_a_full_stream(
        self, harness: TransportHarness
    ) -> None:
        """A full place accepts messages that it has already.

        To mend it: look for the id before you look for room.
        """
        place = place_for(harness, 10)
        async with place.bus as bus:
            prepared = [bus.prepare(event) for event in place.calls(10)]
            await bus.publish_many(prepared)
            assert await bus.publish_many(prepared) == 10
            assert await numbers(bus, "d", 10) == [float(n) for n in range(10)]

    @promise(FULL)
    async def test_a_full_stream_is_reported_though_a_later_event_cannot_be_encoded(
        self,
        harness: TransportHarness,
    ) -> None:
        """The PublishError of a full place wins over an error of the iterator behind it.

        To mend it: stop at the first refusal and take no more from the iterator.
        """
        place = place_for(harness, 3)
        unwritable = place.call(math.nan)
        async with place.bus as bus:
            with pytest.raises(PublishError) as caught:
                await bus.publish_many([*place.calls(10), unwritable, place.call(11)])
        *ready, bad, last = caught.value.unacknowledged
        assert numbers_in(ready) == [float(n) for n in range(3, 10)]
        assert bad is unwritable
        assert numbers_in([last]) == [11.0]

    @pytest.mark.parametrize("room", [1, 63, 64, 65, 130])
    @promise(FULL)
    async def test_a_generator_keeps_what_a_full_stream_did_not_hand_back(
        self, harness: TransportHarness, room: int
    ) -> None:
        """Each event is stored, or handed back by the error, or still in the generator.

        To mend it: put each message that was taken from the iterator and not stored into
        `unacknowledged`. If the number of messages that fit in is wrong, mend `TransportHarness.room`.
        """
        place = place_for(harness, room)
        events = (place.call(n) for n in range(2_000))
        async with place.bus as bus:
            with pytest.raises(PublishError) as caught:
                await bus.publish_many(events)
            fitted = caught.value.accepted
            assert fitted == room, f"{fitted} messages fit into a room for {room}"
            stored = await numbers(bus, "d", room)
        handed_back = numbers_in(caught.value.unacknowledged)
        kept = [event.call_id for event in events]
        assert [*stored, *handed_back, *kept] == [float(n) for n in range(2_000)]
