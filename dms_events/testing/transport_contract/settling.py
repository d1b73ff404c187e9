"""Messages that are settled stay settled; the others come again."""

from __future__ import annotations

import asyncio
import time

from ...bus import Bus
from ...types.elk_stats import ServiceCall
from .base import Contract
from .events import call, collect, event_calls, nothing_comes
from .promises import ACKNOWLEDGES, promise

__all__ = ["Settling"]


class Settling(Contract):
    """Messages that are settled stay settled; the others come again."""

    @promise(ACKNOWLEDGES)
    async def test_an_acknowledged_message_does_not_come_again(self, bus: Bus) -> None:
        """An acknowledged message does not come again, and leaves the backlog.

        To mend it: note an `ack` where all readers of the durable see it. `backlog` counts what was
        not delivered or is not settled.
        """
        await bus.publish(call())
        async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.4) as messages:
            await collect(messages, 1)
            assert await nothing_comes(messages, 1.0)
            assert await messages.backlog() == 0

    @promise(ACKNOWLEDGES)
    async def test_what_is_not_settled_comes_again_after_the_ack_wait(self, bus: Bus) -> None:
        """A message that is not settled is delivered again after the ack wait, with the next attempt
        number.

        To mend it: note at each delivery when the message is due again (`ack_wait_s`), and let `wait`
        wake up at that time.
        """
        await bus.publish(call())
        async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.5) as messages:
            [first] = await collect(messages, 1, ack=False)
            taken_at = time.monotonic()
            assert await messages.backlog() == 1
            [again] = await collect(messages, 1)
            assert time.monotonic() - taken_at > 0.4
            assert (again.id, again.sequence, again.event) == (
                first.id,
                first.sequence,
                first.event,
            )
            assert (first.attempt, again.attempt) == (1, 2)

    @promise(ACKNOWLEDGES)
    async def test_nak_brings_a_message_back_at_once_and_counts(self, bus: Bus) -> None:
        """`nak` without a delay brings a message back at once, and each delivery counts.

        To mend it: make the message due at once, and wake the receivers of the durable. `attempt`
        counts all deliveries.
        """
        await bus.publish(call())
        async with bus.subscribe(ServiceCall, durable="d") as messages:
            for attempt in range(1, 5):
                [message] = await collect(messages, 1, ack=False)
                assert message.attempt == attempt
                await message.nak()
            [message] = await collect(messages, 1)
            assert (message.attempt, message.possibly_replayed) == (5, False)
            assert await nothing_comes(messages)

    @promise(ACKNOWLEDGES)
    async def test_what_is_given_back_as_the_last_thing_is_there_for_the_next_reader(
        self, bus: Bus
    ) -> None:
        """A `nak` right before the reader leaves takes effect at once.

        To mend it: finish a `nak` before `Receiver.close` returns.
        """
        for number in range(40):
            async with bus.subscribe(ServiceCall, durable="d") as messages:
                if not number:
                    await bus.publish(call())
                [message] = await collect(messages, 1, ack=False)
                await message.nak()

    @promise(ACKNOWLEDGES)
    async def test_nak_with_a_delay_does_not_come_before_it(self, bus: Bus) -> None:
        """`nak(delay_s)` brings a message back after the delay, and blocks no other message.

        To mend it: note the time at which the message is due. Until then deliver the messages behind
        it.
        """
        await bus.publish(call(1))
        async with bus.subscribe(ServiceCall, durable="d") as messages:
            [message] = await collect(messages, 1, ack=False)
            refused_at = time.monotonic()
            await message.nak(0.6)
            await bus.publish(call(2))
            others = await collect(messages, 1)
            assert [m.event for m in others] == [call(2)]
            [again] = await collect(messages, 1)
            waited = time.monotonic() - refused_at
            assert again.event == call(1)
            assert 0.55 < waited < 5

    @promise(ACKNOWLEDGES)
    async def test_a_terminated_message_never_comes_again(self, bus: Bus) -> None:
        """`term` ends a message: it does not come again, and leaves the backlog.

        To mend it: treat `term` as `ack`.
        """
        await bus.publish(call())
        async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.4) as messages:
            [message] = await collect(messages, 1, ack=False)
            await message.term()
            assert await nothing_comes(messages, 1.0)
            assert await messages.backlog() == 0

    @promise(ACKNOWLEDGES)
    async def test_what_is_acknowledged_without_a_wait_never_comes_again(self, bus: Bus) -> None:
        """`ack_soon` acknowledges like `ack`, without a wait, or returns False.

        To mend it: return True from `ack_soon` only if it noted the ack, or handed it to a task that
        `close` waits for.
        """
        await bus.publish_many([call(number) for number in range(20)])
        async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=1.0) as messages:
            taken = await collect(messages, 20, ack=False)
            for message in taken:
                if not message.delivery.ack_soon():
                    await message.ack()
            await taken[0].nak()
            assert await nothing_comes(messages, 1.5)
            assert await messages.backlog() == 0

    @promise(ACKNOWLEDGES)
    async def test_progress_extends_the_ack_wait(self, bus: Bus) -> None:
        """`in_progress` lets the ack wait begin again.

        To mend it: set the time at which the message is due to now plus `ack_wait_s`.
        """
        await bus.publish(call())
        async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.6) as messages:
            [message] = await collect(messages, 1, ack=False)
            for _ in range(6):
                assert await nothing_comes(messages, 0.25)
                await message.in_progress()
            await message.ack()
            assert await nothing_comes(messages, 0.8)

    @promise(ACKNOWLEDGES)
    async def test_only_the_first_settling_counts(self, bus: Bus) -> None:
        """Only the first settling of a delivery counts.

        To mend it: keep a flag in the delivery: after ack, nak or term, the next ones and
        `in_progress` do nothing.
        """
        await bus.publish_many([call(1), call(2)])
        async with bus.subscribe(ServiceCall, durable="d") as messages:
            refused, acked = await collect(messages, 2, ack=False)
            await refused.nak(0.3)
            await refused.ack()
            await refused.in_progress()
            await acked.ack()
            await acked.nak()
            [again] = await collect(messages, 1)
            assert (again.event, again.attempt) == (call(1), 2)
            assert await nothing_comes(messages)

    @promise(ACKNOWLEDGES)
    async def test_giving_back_too_late_takes_no_attempt_back(self, bus: Bus) -> None:
        """A `nak` of a message that was delivered again since then takes no attempt back.

        To mend it: let `nak` and `in_progress` do nothing if a later attempt is out. If your broker
        cannot tell, the message may come once more: count that delivery too.
        """
        await bus.publish(call())
        async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=2.0) as messages:
            [slow] = await collect(messages, 1, ack=False)
            [again] = await collect(messages, 1, ack=False)
            await slow.nak()
            late = await messages.batch(1, 0.3)
            if not late:
                await again.nak()
                late = await collect(messages, 1, ack=False)
            [last] = late
            assert [m.attempt for m in (slow, again, last)] == [1, 2, 3]
            await last.ack()
            assert await nothing_comes(messages)

    @promise(ACKNOWLEDGES)
    async def test_what_waits_for_the_reader_is_not_delivered_again(self, bus: Bus) -> None:
        """The ack wait of a message begins when it is taken, not when it is prefetched.

        To mend it: deliver in `pop`. If your receiver prefetches, it has to keep alive the messages
        that it holds.
        """
        await bus.publish_many(event_calls(6))
        async with bus.subscribe(ServiceCall, durable="d", ack_wait_s=0.6) as messages:
            await messages.backlog()  # a round trip, by which prefetched messages come
            await collect(messages, 1)
            await asyncio.sleep(1.2)
            arrived = await collect(messages, 5)
            assert [m.event for m in arrived] == event_calls(5, first=1)
            assert [m.attempt for m in arrived] == [1] * 5
            assert await nothing_comes(messages, 1.0)
