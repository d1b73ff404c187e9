"""What every transport promises: bytes out, the same bytes in, who and when."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ...bus import Bus
from ...errors import ConnectionLostError, TransportError
from ...transport import SubscriptionSpec
from ...types.elk_stats import NewService, NtxPayment, ServiceCall
from ...types.network_config import MessageEnvelope
from .base import Contract
from .events import CALL, call, collect, event_calls, nothing_comes, payment, service, soon
from .harness import TransportHarness
from .promises import ORDERED, promise

__all__ = ["Arriving"]


class Arriving(Contract):
    """What every transport promises: bytes out, the same bytes in, who and when."""

    @promise()
    async def test_what_is_published_arrives_as_the_same_typed_event(self, bus: Bus) -> None:
        """The bytes that were published arrive unchanged, once, as attempt 1.

        To mend it: hand the payload on as bytes, as it is: decode nothing, strip nothing.
        `Delivery.type_name` is the type of the outgoing message, and `attempt` counts from 1.
        """
        async with bus.subscribe(ServiceCall) as messages:
            published = await bus.publish(call(16_777_217.25, "żółć 🚀 \x00"))
            [message] = await collect(messages, 1)
        assert message.event == call(16_777_217.25, "żółć 🚀 \x00")
        assert message.type_name == "elk_stats.ServiceCall"
        assert message.id == published
        assert message.attempt == 1
        assert not message.possibly_replayed

    @promise()
    async def test_a_message_says_who_sent_it_and_when(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """A message has the source of its publisher and the time at which it was stored.

        To mend it: `Delivery.source` is the `source` of the outgoing message (or the publisher that
        the transport proved), and `stored_ns` is in ns since 1970, by `time.time_ns` if the broker
        tells no time.
        """
        before = datetime.now(UTC) - timedelta(seconds=5)
        sent = datetime(2026, 11, 3, 4, 5, 6, 789_012, timezone(timedelta(hours=2)))
        async with bus.subscribe(ServiceCall) as messages:
            await bus.publish(bus.prepare(call(), time=sent, source="somebody-else"))
            await bus.publish(bus.prepare(call(), time="2026-11-03T04:05:06.123456789Z"))
            await bus.publish(call())
            dated, precise, plain = await collect(messages, 3)
        after = datetime.now(UTC) + timedelta(seconds=5)
        publisher = harness.source_of("node-1")
        said = publisher if harness.guarantees.authenticates else "somebody-else"
        assert (dated.time, dated.source) == (sent, said)
        assert precise.time_text == "2026-11-03T04:05:06.123456789Z"
        assert precise.time == datetime(2026, 11, 3, 4, 5, 6, 123_456, UTC)
        assert plain.source == publisher
        assert plain.time is not None
        assert before < plain.time < after
        assert before < plain.stored < after
        assert plain.stored.timestamp() == pytest.approx(plain.stored_ns / 1e9)

    @promise(ORDERED)
    async def test_each_publishers_events_arrive_in_its_order(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """The events of one publisher arrive in the order of publishing, also while another one
        publishes.

        To mend it: store and deliver in the order of `publish_many`, or set `Guarantees.ordered` to
        False.
        """
        async with (
            harness.connect(source="node-2") as other,
            bus.subscribe(ServiceCall, prefetch=50) as messages,
        ):
            await asyncio.gather(
                bus.publish_many(event_calls(300)), other.publish_many(event_calls(300))
            )
            arrived = await collect(messages, 600)
        for source in ("node-1", "node-2"):
            numbers = [m.event.call_id for m in arrived if m.source == source]
            assert numbers == [float(n) for n in range(300)]

    @promise(ORDERED)
    async def test_single_publishes_arrive_in_order(self, bus: Bus) -> None:
        """Events that are published one after the other arrive in that order.

        To mend it: let `publish` return only after the place of the message in the order is fixed.
        Names with random parts do not sort; a counter does.
        """
        async with bus.subscribe(ServiceCall) as messages:
            for event in event_calls(20):
                await bus.publish(event)
            arrived = await collect(messages, 20)
        assert [m.event for m in arrived] == event_calls(20)

    @promise()
    async def test_publish_many_says_how_many(self, bus: Bus) -> None:
        """`publish_many` takes any iterable, publishes all of it, and returns the number.

        To mend it: iterate once, and return the count. An empty iterable is 0.
        """
        async with bus.subscribe(ServiceCall) as messages:
            assert await bus.publish_many(event_calls(600)) == 600
            assert await bus.publish_many(e for e in event_calls(3)) == 3
            assert await bus.publish_many([]) == 0
            assert len(await collect(messages, 603)) == 603

    @promise()
    async def test_a_subscription_gets_the_types_it_names_and_no_others(self, bus: Bus) -> None:
        """A subscription gets the messages of its patterns only.

        To mend it: compare the type name of each message with `SubscriptionSpec.patterns`, or with
        `types`.
        """
        async with bus.subscribe(ServiceCall, NtxPayment) as two, bus.subscribe(NewService) as one:
            await bus.publish_many([call(1), service(), payment(2)])
            assert [m.event for m in await collect(two, 2)] == [call(1), payment(2)]
            assert [m.event for m in await collect(one, 1)] == [service()]
            assert await nothing_comes(two)

    @promise()
    async def test_patterns_name_a_module_or_everything(self, bus: Bus) -> None:
        """The pattern `module.*` matches all types of a module, `*` matches all; a message that several
        patterns match arrives once.

        To mend it: a pattern is `module.Type`, `module.*` or `*`. `SubscriptionSpec.types` has the
        matching names, for brokers without wildcards.
        """
        inner = MessageEnvelope(type="anything", data=b"\x00\xff")
        async with (
            bus.subscribe("elk_stats.*") as module,
            bus.subscribe("*") as everything,
            bus.subscribe("*", "elk_stats.*", ServiceCall) as overlapping,
            bus.subscribe("ServiceCall") as bare,
        ):
            await bus.publish_many([call(), inner, payment()])
            assert [m.event for m in await collect(module, 2)] == [call(), payment()]
            assert [m.event for m in await collect(everything, 3)] == [call(), inner, payment()]
            assert [m.event for m in await collect(overlapping, 3)] == [call(), inner, payment()]
            assert [m.event for m in await collect(bare, 1)] == [call()]
            assert await nothing_comes(overlapping)

    @promise()
    async def test_a_subscription_without_a_durable_gets_nothing_from_before(
        self, bus: Bus
    ) -> None:
        """A subscription without a durable begins with the next message.

        To mend it: fix the position at which it starts in `subscribe`, if `SubscriptionSpec.start` is
        `new`, before `subscribe` returns.
        """
        await bus.publish(call(1))
        async with bus.subscribe(ServiceCall) as messages:
            await bus.publish(call(2))
            assert [m.event for m in await collect(messages, 1)] == [call(2)]
            assert await nothing_comes(messages, 0.1)

    @promise()
    async def test_subscriptions_without_a_durable_all_get_everything(self, bus: Bus) -> None:
        """Subscriptions without a durable share nothing: each gets every message.

        To mend it: keep a cursor for each receiver whose spec has no `durable`.
        """
        async with bus.subscribe(ServiceCall) as first, bus.subscribe(ServiceCall) as second:
            await bus.publish(call(2))
            for messages in (first, second):
                assert [m.event for m in await collect(messages, 1)] == [call(2)]
                assert await nothing_comes(messages, 0.1)

    @promise()
    async def test_envelopes_of_both_encodings_are_read(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """Payloads are any bytes: JSON and MessagePack arrive from two publishers.

        To mend it: send and store payloads as binary data.
        """
        async with (
            harness.connect(source="node-2", encoding="msgpack") as packed,
            bus.subscribe(ServiceCall) as by_json,
            packed.subscribe(ServiceCall) as by_msgpack,
        ):
            ids = [await bus.publish(call(1)), await packed.publish(call(2))]
            for messages in (by_json, by_msgpack):
                arrived = await collect(messages, 2)
                assert sorted(m.event.call_id for m in arrived) == [1.0, 2.0]
                assert {m.id for m in arrived} == set(ids)
                sources = {harness.source_of("node-1"), harness.source_of("node-2")}
                assert {m.source for m in arrived} == sources

    @promise()
    async def test_bare_names_and_aliases_are_read(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """The type name beside the payload chooses the readers, whatever the payload says.

        To mend it: take `Delivery.type_name` and the choice of readers from
        `OutgoingMessage.type_name`, never from the payload.
        """
        aliases = {"/dms/elk/call/1.0": "ServiceCall", "pay": "elk_stats.NtxPayment"}
        async with (
            harness.connect(aliases=aliases) as reader,
            reader.subscribe(ServiceCall, NtxPayment) as messages,
        ):
            for written, type_name in [
                ("ServiceCall", "elk_stats.ServiceCall"),
                ("/dms/elk/call/1.0", "elk_stats.ServiceCall"),
                ("pay", "elk_stats.NtxPayment"),
            ]:
                await harness.put(b'{"Type":"%s","Data":"e30="}' % written.encode(), type_name)
            names = [m.type_name for m in await collect(messages, 3)]
        assert names == ["elk_stats.ServiceCall", "elk_stats.ServiceCall", "elk_stats.NtxPayment"]

    @promise()
    async def test_what_a_go_node_writes_is_read(self, harness: TransportHarness, bus: Bus) -> None:
        """A message without an id, as Go nodes write it, arrives with its source and gets an id.

        To mend it: `message_id` is empty if the publisher gave none, and `position_id` is a UUID that
        is the same at each delivery.
        """
        async with bus.subscribe(NtxPayment) as messages:
            await harness.put(
                b'{"Type":"elk_stats.NtxPayment",'
                b'"Data":"eyJDYWxsSUQiOjEuNSwiQW1vdW50T2ZOdHgiOjQyLCJub3RlIjpudWxsfQ=="}',
                "elk_stats.NtxPayment",
                source="go-node",
            )
            [message] = await collect(messages, 1)
        assert (message.event.call_id, message.event.amount_of_ntx) == (1.5, 42)
        assert (message.source, message.time) == (harness.source_of("go-node"), None)
        assert message.time_text == ""
        assert message.id

    @promise()
    async def test_close_sends_what_was_published(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """`close` loses nothing that was published before.

        To mend it: flush in `close`, or let `publish` return only after the message has left this
        process.
        """
        async with bus.subscribe(ServiceCall) as messages:
            publisher = harness.connect()
            await publisher.open()
            await publisher.publish_many(event_calls(100))
            await publisher.close()
            assert len(await collect(messages, 100)) == 100

    @promise()
    async def test_closing_the_bus_ends_a_waiting_subscription(
        self, harness: TransportHarness
    ) -> None:
        """A reader that waits when its transport is closed gets a TransportError.

        To mend it: let `close` wake every receiver; its `wait` then raises ConnectionLostError, and does
        not return False.
        """
        # First without a subscription: it would ask again and again where `wait` returns False at once.
        async with harness.connect() as bus:
            spec = SubscriptionSpec(patterns=(CALL,), types=(CALL,), start="new")
            receiver = await bus.transport.subscribe(spec)
            alone = asyncio.ensure_future(receiver.wait(None))
            await asyncio.sleep(0)
        with pytest.raises(TransportError):
            async with soon(lambda: "the receiver still waits"):
                await alone
        bus = harness.connect()
        await bus.open()
        messages = bus.subscribe(ServiceCall)
        await messages.__aenter__()
        waiting = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0)
        await bus.close()
        with pytest.raises(TransportError):
            async with soon(lambda: "the reader still waits"):
                await waiting

    @promise()
    async def test_a_closed_bus_does_not_publish(self, harness: TransportHarness) -> None:
        """A closed transport raises ConnectionLostError.

        To mend it: check in `publish`, `publish_many` and `subscribe` that the transport is open.
        """
        async with harness.connect() as bus:
            await bus.publish(call())
        with pytest.raises(ConnectionLostError):
            await bus.publish(call())
