"""A durable is one consumer, and all who read under its name share it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ...bus import Bus, Message, Subscription
from ...errors import ConfigError
from ...transport import SubscriptionSpec
from ...types.elk_stats import NtxPayment, ServiceCall
from .base import Contract
from .events import CALL, call, collect, event_calls, nothing_comes, soon, until
from .harness import TransportHarness
from .promises import ACKNOWLEDGES, DURABLE, promise

__all__ = ["Durables"]


async def until_prefetched(messages: Subscription[Any]) -> None:
    """Make a few round trips on the connection by which prefetched messages come."""
    for _ in range(3):
        await messages.backlog()


class Durables(Contract):
    """A durable is one consumer, and all who read under its name share it."""

    @promise(ACKNOWLEDGES)
    async def test_a_durable_gets_what_was_published_before_it_was_made(self, bus: Bus) -> None:
        """A new durable begins with the first stored message.

        To mend it: begin at the oldest message if `SubscriptionSpec.start` is `all`. So messages stay
        stored after they were acknowledged by one durable.
        """
        await bus.publish_many(event_calls(10))
        async with bus.subscribe(ServiceCall, durable="d") as messages:
            assert [m.event for m in await collect(messages, 10)] == event_calls(10)

    @promise(ACKNOWLEDGES)
    async def test_a_durable_resumes_where_it_left_off(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """A durable goes on after the messages that it acknowledged, with another reader.

        To mend it: keep the state of a durable at the broker, under its channel and name.
        """
        await bus.publish_many(event_calls(10))
        async with (
            harness.connect() as first,
            first.subscribe(ServiceCall, durable="d") as messages,
        ):
            await collect(messages, 4)
        await bus.publish(call(10))
        async with (
            harness.connect() as second,
            second.subscribe(ServiceCall, durable="d") as messages,
        ):
            rest = await collect(messages, 7)
            assert sorted(m.event.call_id for m in rest) == [4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
            assert await nothing_comes(messages)

    @promise(ACKNOWLEDGES)
    async def test_a_subscription_without_a_durable_may_ask_for_all(self, bus: Bus) -> None:
        """A subscription without a durable reads all stored messages with `start='all'`.

        To mend it: follow `SubscriptionSpec.start`, with a durable and without.
        """
        await bus.publish_many(event_calls(5))
        async with bus.subscribe(ServiceCall, start="all") as messages:
            assert [m.event for m in await collect(messages, 5)] == event_calls(5)

    @promise(ACKNOWLEDGES)
    async def test_a_durable_may_start_with_what_is_new(self, bus: Bus) -> None:
        """A new durable with `start='new'` begins with the next message.

        To mend it: write the position at which it starts into the durable's state in `subscribe`.
        """
        await bus.publish(call(1))
        async with bus.subscribe(ServiceCall, durable="late", start="new") as messages:
            await bus.publish(call(2))
            assert [m.event for m in await collect(messages, 1)] == [call(2)]
            assert await nothing_comes(messages)

    @promise(ACKNOWLEDGES)
    async def test_two_readers_of_a_durable_split_the_work(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """Two readers of a durable get each message once, and both get some.

        To mend it: claim a message in one step that only one reader can win. `prefetch` limits what
        one reader holds.
        """
        seen: list[list[Message[ServiceCall]]] = [[], []]

        async def read(reader: Bus, mine: list[Message[ServiceCall]]) -> None:
            async with reader.subscribe(ServiceCall, durable="d", prefetch=5) as messages:
                async for message in messages:
                    await message.ack()
                    mine.append(message)
                    if sum(map(len, seen)) >= 100:
                        return
                    await asyncio.sleep(0)

        async with (
            harness.connect() as other,
            soon(lambda: f"the readers got {[len(mine) for mine in seen]} of 100 messages"),
        ):
            readers = [
                asyncio.ensure_future(read(b, s)) for b, s in zip((bus, other), seen, strict=True)
            ]
            await bus.publish_many(event_calls(100))
            await asyncio.wait(readers, return_when=asyncio.FIRST_COMPLETED)
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        numbers = [m.event.call_id for mine in seen for m in mine]
        assert sorted(numbers) == [float(n) for n in range(100)]
        assert all(seen)
        async with bus.subscribe(ServiceCall, durable="d") as messages:
            assert await nothing_comes(messages)
            assert await messages.backlog() == 0

    @promise(ACKNOWLEDGES)
    async def test_prefetch_bounds_what_a_reader_keeps_from_the_others(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """A reader keeps no more than `prefetch` messages from the others.

        To mend it: hold at most `SubscriptionSpec.prefetch` messages that were not taken.
        """
        await bus.publish_many(event_calls(100))
        async with (
            harness.connect() as other,
            bus.subscribe(ServiceCall, durable="d", prefetch=1) as slow,
        ):
            await collect(slow, 1)
            async with other.subscribe(ServiceCall, durable="d") as quick:
                assert len(await collect(quick, 98)) == 98

    @promise(ACKNOWLEDGES)
    async def test_leaving_gives_back_what_was_prefetched(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """A reader that leaves gives back the messages that it had not taken, at once.

        To mend it: let `Receiver.close` give back what it holds. The ack wait may be minutes.
        """
        await bus.publish_many(event_calls(100))
        async with harness.connect() as other:
            async with other.subscribe(ServiceCall, durable="d", ack_wait_s=600) as messages:
                await collect(messages, 1)
            async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=600) as messages:
                rest = await collect(messages, 99)
        assert sorted(m.event.call_id for m in rest) == [float(n) for n in range(1, 100)]

    @promise(ACKNOWLEDGES)
    async def test_closing_the_bus_gives_back_what_was_prefetched(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """A transport that is closed gives back, at once, the messages that its readers had not taken.

        To mend it: let `Transport.close` close each receiver, as `Receiver.close` does.
        """
        await bus.publish_many(event_calls(100))
        other = harness.connect()
        await other.open()
        messages = other.subscribe(ServiceCall, durable="d", ack_wait_s=600)
        await messages.__aenter__()
        await until_prefetched(messages)
        await collect(messages, 1)
        await other.close()
        await messages.__aexit__(None, None, None)
        async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=600) as messages:
            rest = await collect(messages, 99)
        assert sorted(m.event.call_id for m in rest) == [float(n) for n in range(1, 100)]

    @promise(ACKNOWLEDGES)
    async def test_acknowledgements_are_sent_before_the_bus_closes(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """Acknowledgements are sent before the transport is closed.

        To mend it: let `close` wait for acks that were not sent yet.
        """
        await bus.publish_many(event_calls(200))
        async with (
            harness.connect() as other,
            other.subscribe(ServiceCall, durable="d") as messages,
        ):
            await collect(messages, 200)
        async with bus.subscribe(ServiceCall, durable="d") as messages:

            async def settled() -> bool:
                return not await messages.backlog()

            await until(settled)
            assert await nothing_comes(messages)

    @promise(ACKNOWLEDGES)
    async def test_a_durable_with_other_filters_is_refused_by_name(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """Subscribing to a durable with other patterns is a ConfigError that names it.

        To mend it: keep the patterns with the durable, compare them as sets, and never rewrite them:
        `ConfigError('durable', …)` that advises another durable name.
        """
        async with bus.subscribe(ServiceCall, durable="billing"):
            pass
        async with harness.connect() as other:
            for wanted in ((NtxPayment,), (ServiceCall, NtxPayment), ("elk_stats.*",), ("*",)):
                with pytest.raises(ConfigError, match="billing") as caught:
                    await other.subscribe(*wanted, durable="billing").__aenter__()
                assert caught.value.setting == "durable"
                assert "another durable name" in str(caught.value)
            await bus.publish(call())
            async with other.subscribe(ServiceCall, durable="billing") as messages:
                await collect(messages, 1)

    @promise(ACKNOWLEDGES)
    async def test_a_durable_takes_the_same_filters_in_another_order(self, bus: Bus) -> None:
        """The order of the patterns does not matter.

        To mend it: compare them as sets.
        """
        async with bus.subscribe(ServiceCall, NtxPayment, durable="d"):
            pass
        async with bus.subscribe("NtxPayment", ServiceCall, durable="d") as messages:
            await bus.publish(call())
            await collect(messages, 1)

    @promise(ACKNOWLEDGES)
    async def test_a_durable_keeps_its_ack_wait(self, bus: Bus) -> None:
        """A durable keeps the ack wait with which it was made, and each of its receivers tells it.

        To mend it: store the ack wait with the durable, and set `Receiver.ack_wait_s` to it.
        """
        for asked_s in (20.0, 30.0):
            spec = SubscriptionSpec(
                patterns=(CALL,), types=(CALL,), durable="d", ack_wait_s=asked_s
            )
            receiver = await bus.transport.subscribe(spec)
            assert receiver.ack_wait_s == 20
            await receiver.close()

    @pytest.mark.parametrize("name", ["x-rest", "x-0", "$x", "é:~=%|<", "\u200b", '"', "d" * 200])
    @promise(ACKNOWLEDGES)
    async def test_unusual_names_are_durables_of_their_own(self, bus: Bus, name: str) -> None:
        """Any name that the bus accepts is a durable of its own.

        To mend it: a durable's name may have quotes, `%`, `|` or letters of any script. Escape it if
        it becomes the name of a file, a table or a key.
        """
        await bus.publish(call(1))
        for durable in ("x", name):
            async with bus.subscribe(ServiceCall, durable=durable) as messages:
                [message] = await collect(messages, 1)
                assert message.event.call_id == 1

    @promise(ACKNOWLEDGES, DURABLE)
    async def test_what_nobody_settled_is_there_after_all_have_left(
        self, harness: TransportHarness
    ) -> None:
        """Messages, and what a durable has acknowledged, outlive every transport at a place.

        To mend it: store both outside of this process. Or set `Guarantees.durable` to False.
        """
        async with harness.connect() as bus:
            await bus.publish_many(event_calls(5))
            async with bus.subscribe(ServiceCall, durable="d") as messages:
                await collect(messages, 2)
        async with harness.connect() as bus:
            async with bus.subscribe(ServiceCall, durable="d") as messages:
                rest = await collect(messages, 3)
                assert await nothing_comes(messages)
            assert sorted(m.event.call_id for m in rest) == [2.0, 3.0, 4.0]

    @promise(ACKNOWLEDGES)
    async def test_a_durable_that_must_exist_is_not_made(self, bus: Bus) -> None:
        """Subscribing with `must_exist` to a durable that is not there is a ConfigError.

        To mend it: raise `dms_events.names.no_such_durable` in `subscribe`.
        """
        with pytest.raises(ConfigError, match="no durable 'bilings'"):
            async with bus.subscribe(ServiceCall, durable="bilings", must_exist=True):
                pass
        async with bus.subscribe(ServiceCall, durable="bilings"):
            pass
        async with bus.subscribe(ServiceCall, durable="bilings", must_exist=True):
            pass
