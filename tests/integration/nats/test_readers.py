"""Readers of partitions whose agreement is in the way: they end with an error, and never go silent."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest

import dms_events
from dms_events import Bus, Subscription, TransportError
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import EventsSetup, NatsServer, NatsSetup, apply_setup
from tests.kit.servers.operator import Operator
from tests.kit.storing import call

CURE = re.escape("delete the key (nats kv del DMS_NOTES billing.readers)")


def readers(bus: Bus, ack_wait_s: float = 1) -> Subscription[ServiceCall]:
    """Of two partitions; what lives says so six times in an ack wait."""
    return bus.subscribe(ServiceCall, durable="billing", partitioned=True, ack_wait_s=ack_wait_s)


@pytest.fixture(autouse=True)
async def partitions(nats_server: NatsServer) -> None:
    await apply_setup(nats_server.url, NatsSetup(events=EventsSetup(partitions=2)))


async def test_a_reader_whose_later_partition_cannot_be_read_ends_with_an_error(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with dms_events.connect(nats_server.url) as bus, asyncio.timeout(20):
        async with readers(bus):
            late = await readers(bus).__aenter__()
            for part in ("rest", "0", "1"):
                await operator.change_consumer(f"billing-{part}", max_deliver=3)
        with pytest.raises(TransportError, match=r"subscription failed: .*max_deliver"):
            await anext(late)
        await late.__aexit__(None, None, None)


@pytest.mark.parametrize("written", [b"no json", b'{"beats": 1}', b'{"beats": {"\xff": 1}}', b""])
async def test_readers_whose_agreement_is_damaged_end_and_say_how_to_mend_it(
    nats_server: NatsServer, operator: Operator, written: bytes
) -> None:
    async with dms_events.connect(nats_server.url) as bus, asyncio.timeout(20):
        async with readers(bus) as messages:
            notes = await operator.client.jetstream().key_value("DMS_NOTES")
            await notes.put("billing.readers", written)
            with pytest.raises(TransportError, match=CURE):
                await anext(messages)
            await bus.publish(call(1))
            assert messages.take_nowait(1) == [], "others may begin it"
        with pytest.raises(TransportError, match=CURE):
            await readers(bus).__aenter__()

        await notes.delete("billing.readers")
        async with readers(bus) as messages:
            message = await anext(messages)
            assert message.event == call(1)
            await message.ack()


async def test_a_reader_that_leaves_a_damaged_agreement_only_logs_it(
    nats_server: NatsServer, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        with caplog.at_level(logging.WARNING):
            async with readers(bus, ack_wait_s=60):  # it does not look within 2 s
                notes = await operator.client.jetstream().key_value("DMS_NOTES")
                await notes.put("billing.readers", b"no json")
        assert "nats kv del DMS_NOTES billing.readers" in caplog.text


async def test_readers_of_partitions_whose_bucket_is_deleted_make_it_again_and_go_on(
    nats_server: NatsServer, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        asyncio.timeout(20),
        dms_events.connect(nats_server.url) as bus,
        readers(bus) as messages,
    ):
        assert await operator.client.jetstream().delete_key_value("DMS_NOTES")
        for number in range(20):
            await bus.publish(call(number))
            message = await anext(messages)
            assert message.event == call(number)
            await message.ack()
            await asyncio.sleep(0.1)  # longer, taken together, than it owns what it wrote last
    assert "DMS_NOTES was gone, and is made again" in caplog.text
