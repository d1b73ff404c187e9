"""The defaults of the seam: what a transport does that writes only the members it must write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TypeVar

import msgspec
import pytest

from dms_events import (
    Bus,
    ConfigError,
    ConnectionLostError,
    OutgoingMessage,
    PublishError,
    Reject,
    TransportError,
    Worker,
)
from dms_events.dead_letters.letter import decode_dead_letter
from dms_events.transport import (
    Capability,
    MemoryTransport,
    Receiver,
    SubscriptionSpec,
    Transport,
    arrival_ns,
)
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse
from dms_events.types.elk_stats import NtxPayment, ServiceCall
from tests.contract.places import buried, call, collect, event_calls, letters

from .smallest import Shelf, Wire

C = TypeVar("C")


async def refuse(request: DeploymentRequest) -> DeploymentResponse:
    raise Reject("nobody asks")


async def test_the_smallest_transport_carries_events() -> None:
    async with (
        Bus(Wire()) as bus,
        bus.subscribe(ServiceCall) as calls,
        bus.subscribe(NtxPayment) as payments,
    ):
        assert await bus.publish_many(event_calls(1_200)) == 1_200
        arrived = await collect(calls, 1_200)
        assert payments.take_nowait(1) == []
    assert [message.event for message in arrived] == event_calls(1_200)
    first, second = arrived[:2]
    assert (first.attempt, first.sequence, first.source, first.subject) == (1, 0, "", "")
    assert first.delivery.size == len(first.delivery.data)
    assert first.delivery.headers is None
    assert not first.possibly_replayed
    assert first.delivery.position < second.delivery.position
    assert first.delivery.position_id != second.delivery.position_id
    await first.ack()
    await first.term()
    await first.in_progress()
    with pytest.raises(TransportError, match="only what a durable delivered"):
        await first.nak()


async def test_what_the_smallest_transport_lacks_is_said() -> None:
    async with Bus(Wire()) as bus:
        assert bus.where == "Wire"
        assert bus.peers == ()
        assert bus.publish_counts.duplicates == 0
        with pytest.raises(ConfigError, match="Wire has no requests and replies"):
            await bus.request(DeploymentRequest(), DeploymentResponse)
        with pytest.raises(ConfigError, match="Wire has no requests and replies"):
            async with bus.respond(DeploymentRequest, refuse):
                pass


async def test_a_worker_retries_and_gives_up_where_there_is_no_more_than_ack_and_nak(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worker = Worker("billing")
    handled: list[float] = []

    @worker.on(ServiceCall, attempts=3, backoff_s=0.01)
    async def bill(event: ServiceCall) -> None:
        handled.append(event.call_id)
        if event.call_id == 1:
            raise ValueError("no such account")

    shelf = Shelf()
    async with Bus(shelf) as bus:
        await bus.publish_many(event_calls(3))
        worker.drain()
        async with asyncio.timeout(10):
            await worker.run(bus)
        assert await shelf.shelves["events"].backlog() == 0
        dead = shelf.shelves["dead"].pop()
        assert dead is not None
        letter = msgspec.structs.replace(decode_dead_letter(dead.data), numbers=(dead.sequence,))
        assert "no such account" in letter.reason
        with pytest.raises(ConfigError, match="Shelf has no dead letters that can be replayed"):
            await bus.dead_letters.drop(letter)
    assert sorted(handled) == [0.0, 1.0, 1.0, 1.0, 2.0]
    assert "this transport keeps no notes" in caplog.text


class Faulty(Wire):
    """Refuses, or fails on, the third message."""

    def __init__(self, failure: BaseException) -> None:
        super().__init__()
        self.failure = failure
        self.taken = 0

    async def publish(self, message: OutgoingMessage) -> None:
        if self.taken == 2:
            raise self.failure
        self.taken += 1


@pytest.mark.parametrize("failure", [PublishError("full"), ConnectionLostError("gone")])
async def test_many_are_published_up_to_the_one_that_fails(failure: TransportError) -> None:
    async with Bus(Faulty(failure)) as bus:
        events = [bus.prepare(event) for event in event_calls(5)]
        with pytest.raises(PublishError, match=str(failure)) as raised:
            await bus.publish_many(events)
    assert raised.value.accepted == 2
    assert raised.value.unacknowledged == events[2:]


async def test_a_transport_that_is_closed_says_so_before_the_first_message() -> None:
    transport = Faulty(ConnectionLostError("the bus is closed"))
    transport.taken = 2
    async with Bus(transport) as bus:
        with pytest.raises(ConnectionLostError, match="is closed"):
            await bus.publish_many(event_calls(2))


class Stuck(Wire):
    """Never ends the third publish."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = 0
        self.waits = asyncio.Event()

    async def publish(self, message: OutgoingMessage) -> None:
        if self.taken == 2:
            self.waits.set()
            await asyncio.Event().wait()
        self.taken += 1


async def test_a_publish_that_is_cut_off_leaves_its_messages_open() -> None:
    transport = Stuck()
    async with Bus(transport) as bus:
        events = [bus.prepare(event) for event in event_calls(5)]
        many = asyncio.create_task(bus.publish_many(events))
        await transport.waits.wait()
        many.cancel()
        with pytest.raises(asyncio.CancelledError) as cut:
            await many
        left = PublishError.behind(cut.value)
        assert left is not None
        assert (left.accepted, list(left.unacknowledged)) == (2, events[2:])

        one = asyncio.create_task(bus.publish(events[0]))
        transport.waits.clear()
        await transport.waits.wait()
        one.cancel()
        with pytest.raises(asyncio.CancelledError) as cut:
            await one
        left = PublishError.behind(cut.value)
        assert left is not None
        assert list(left.unacknowledged) == events[:1]


async def test_the_loop_goes_on_while_many_are_published() -> None:
    """A transport may publish without ever giving the event loop a turn."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    def endless() -> Iterator[ServiceCall]:
        while turns < 3:
            yield call()

    async with Bus(Wire()) as bus:
        counting = asyncio.create_task(count())
        async with asyncio.timeout(10):
            await bus.publish_many(endless())
        counting.cancel()


@pytest.mark.parametrize("transport", [Wire, Shelf, MemoryTransport])
async def test_a_paused_subscription_takes_nothing_more_and_ends(
    transport: type[Transport],
) -> None:
    async with Bus(transport()) as bus, bus.subscribe(ServiceCall, start="all") as messages:
        await bus.publish_many(event_calls(2))
        await collect(messages, 1)
        await messages.pause()
        assert messages.take_nowait(10) == []
        async with asyncio.timeout(10):
            assert await messages.batch(10, 5) == []
            with pytest.raises(TransportError, match="paused"):
                await anext(messages)


class Around(Transport):
    """A transport round a transport: an outbox, or one that counts."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.guarantees = inner.guarantees
        self.published = 0

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def publish(self, message: OutgoingMessage) -> None:
        self.published += 1
        await self._inner.publish(message)

    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        return await self._inner.subscribe(spec)

    def capability(self, kind: type[C]) -> C | None:
        return self._inner.capability(kind)


async def test_a_transport_around_another_has_its_capabilities() -> None:
    around = Around(MemoryTransport())
    async with Bus(around) as bus:

        async def answer(request: DeploymentRequest) -> DeploymentResponse:
            return DeploymentResponse()

        async with bus.respond(DeploymentRequest, answer):
            await bus.request(DeploymentRequest(), DeploymentResponse)
        await bus.publish(call(1))
        letter = await buried(bus)
        await bus.dead_letters.replay(letter)
        assert await letters(bus) == []
    assert around.published == 3


async def test_a_transport_around_one_without_capabilities_has_none() -> None:
    assert Around(Wire()).capability(Capability) is None


def test_no_two_messages_arrive_at_the_same_time() -> None:
    times = [arrival_ns() for _ in range(1_000)]
    assert times == sorted(set(times))


async def test_a_delivery_does_not_show_its_payload() -> None:
    async with Bus(MemoryTransport()) as bus, bus.subscribe(ServiceCall) as messages:
        await bus.publish(call(1, "a secret"))
        [message] = await collect(messages, 1)
    assert repr(message.delivery) == (
        "<MemoryDelivery subject='events/elk_stats.ServiceCall' sequence=1 attempt=1>"
    )
