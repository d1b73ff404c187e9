"""A partition is held until what its last owner had of it is back, whatever else comes meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dms_events
from dms_events import Bus, Message, Subscription
from dms_events.aio import cancelled
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import EventsSetup, NatsServer, NatsSetup, apply_setup
from tests.kit.servers.link import linked
from tests.kit.servers.operator import Operator, at
from tests.kit.storing import call

ACK_WAIT_S = 2.0
CONSUMER = "DMS_EVENTS.billing-0"
LATER = 10


class Reader:
    """The owner of the only partition that there is something in."""

    def __init__(self, bus: Bus, messages: Subscription[ServiceCall], operator: Operator) -> None:
        self.bus = bus
        self.operator = operator
        self._messages = messages
        self.published = 0
        self.in_hand: list[Message[ServiceCall]] = []
        self.order: list[int] = []
        """The numbers of the events, each where it came for the first time."""

    async def publish(self, count: int) -> None:
        numbers = range(self.published, self.published + count)
        self.published += count
        await self.bus.publish_many(self.bus.prepare(call(n), source="peer") for n in numbers)

    async def take(self, count: int) -> None:
        """Take messages until so many different ones came."""
        async with asyncio.timeout(30):
            while len(self.order) < count:
                message = await anext(self._messages)
                self.in_hand.append(message)
                if (number := int(message.event.call_id)) not in self.order:
                    self.order.append(number)

    async def until_redelivered(self, count: int) -> None:
        """Return when so many messages were delivered again."""
        async with asyncio.timeout(30):
            while (await self.operator.api(f"CONSUMER.INFO.{CONSUMER}"))["num_redelivered"] < count:
                pass


@asynccontextmanager
async def reader(server: NatsServer, url: str = "") -> AsyncIterator[Reader]:
    await apply_setup(server.url, NatsSetup(events=EventsSetup(partitions=1)))
    async with (
        dms_events.connect(url or server.url) as bus,
        at(server.url) as operator,
        bus.subscribe(
            ServiceCall, durable="billing", partitioned=True, ack_wait_s=ACK_WAIT_S, prefetch=20
        ) as messages,
    ):
        yield Reader(bus, messages, operator)


class Gone:
    """An owner that is gone, whose pull request the server served: it has two messages."""

    def __init__(self, operator: Operator, replies: list[str]) -> None:
        self._client = operator.client
        self._replies = replies
        self.numbers = sorted(int(reply.split(".")[5]) - 1 for reply in replies)

    async def keep(self, times: int = 0) -> None:
        """Have the server wait for its messages; for ever, or so many quarters of an ack wait."""
        while True:
            for reply in self._replies:
                await self._client.publish(reply, b"+WPI")
            await self._client.flush()
            if times == 1:
                return
            times -= 1
            await asyncio.sleep(ACK_WAIT_S / 4)

    async def acknowledge(self) -> None:
        """It handled its messages after all, and its link brings that now."""
        for reply in self._replies:
            await self._client.publish(reply, b"+ACK")
        await self._client.flush()


async def held(reader: Reader) -> Gone:
    """Two of the messages that come now go to an owner that is gone; its heir takes those before them."""
    client = reader.operator.client
    inbox = client.new_inbox()
    served = await client.subscribe(inbox)
    await client.publish(f"$JS.API.CONSUMER.MSG.NEXT.{CONSUMER}", b'{"batch": 2}', reply=inbox)
    await client.flush()
    await reader.publish(LATER)
    gone = Gone(reader.operator, [(await served.next_msg(10)).reply for _ in range(2)])
    await reader.publish(1)  # it may have been served last
    await reader.take(gone.numbers[0])
    return gone


async def test_what_is_due_again_before_a_missing_message_is_waited_for(
    nats_server: NatsServer,
) -> None:
    async with reader(nats_server) as heir:
        await heir.publish(100)
        await heir.take(100)
        await held(heir)
        await heir.take(heir.published)
    assert heir.order == sorted(heir.order)


async def test_what_comes_again_and_is_acknowledged_meanwhile_hides_no_missing_message(
    nats_server: NatsServer,
) -> None:
    async with reader(nats_server) as heir:
        await heir.publish(2)
        await heir.take(2)
        gone = await held(heir)
        keeping = asyncio.create_task(gone.keep())
        taking = asyncio.create_task(heir.take(heir.published))
        await heir.until_redelivered(2)
        for message in heir.in_hand:
            await message.ack()
        await cancelled(keeping)
        await taking
    assert heir.order == sorted(heir.order)


async def test_time_in_which_the_owner_stood_still_is_no_time_in_which_nothing_came(
    nats_server: NatsServer,
) -> None:
    async with reader(nats_server) as heir:
        await heir.publish(100)
        await heir.take(100)
        await held(heir)
        looks = await heir.operator.client.subscribe(f"$JS.API.CONSUMER.INFO.{CONSUMER}")
        taking = asyncio.create_task(heir.take(heir.published))
        for _ in range(3):
            await looks.next_msg(10)
        time.sleep(2 * ACK_WAIT_S)  # noqa: ASYNC251 - nothing runs in a process that stands still
        await taking
    assert heir.order == sorted(heir.order)


async def test_after_a_reconnect_a_missing_message_is_waited_for_anew(
    nats_server: NatsServer,
) -> None:
    async with linked(nats_server.url) as link, reader(nats_server, link.url) as heir:
        await heir.publish(2)
        await heir.take(2)
        gone = await held(heir)
        taking = asyncio.create_task(heir.take(heir.published))
        await gone.keep(4)
        link.cut()
        await gone.keep(1)
        await taking
    assert heir.order == sorted(heir.order)


async def test_what_an_owner_that_is_gone_acknowledges_late_hides_no_missing_message(
    nats_server: NatsServer,
) -> None:
    async with reader(nats_server) as heir:
        first = await held(heir)
        await heir.take(heir.published)
        await held(heir)
        taking = asyncio.create_task(heir.take(heir.published))
        await first.acknowledge()
        await taking
    assert heir.order == sorted(heir.order)
