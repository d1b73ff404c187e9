"""What a reader holds and nobody takes is bounded in bytes, of payloads, headers and names."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from nats.aio.client import Client

import dms_events
from dms_events import ConfigError
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from dms_events_nats.read import CoreReceiver, PullReceiver
from tests.kit.programs.processes import until
from tests.kit.servers.operator import Operator
from tests.kit.storing import call

SUBJECT = "dms.events.elk_stats.ServiceCall"
LARGE: dict[str, dict[str, Any]] = {
    "payload": {"subject": f"{SUBJECT}.node", "payload": b"x" * 50_000},
    "headers": {"subject": f"{SUBJECT}.node", "headers": {"X": "x" * 50_000}},
    "subject": {"subject": f"{SUBJECT}.{'x' * 3_000}"},
}
KIND = pytest.mark.parametrize("kind", LARGE)


async def send(client: Client, kind: str, count: int) -> None:
    for _ in range(count):
        await client.publish(**LARGE[kind])
    await client.flush()


@KIND
async def test_a_reader_of_core_nats_drops_what_is_too_much_and_counts_it(
    nats_server: NatsServer, operator: Operator, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        dms_events.connect(nats_server.url, durable=False, core_buffer_bytes=500_000) as bus,
        bus.subscribe(ServiceCall) as messages,
    ):
        receiver = messages._receiver
        assert isinstance(receiver, CoreReceiver)
        await send(operator.client, kind, 300)
        await until(lambda: receiver.drops.count + len(receiver.buffer) == 300, "all have arrived")
        assert 0 < messages.dropped < 300
        assert 400_000 < sum(map(weight, receiver.buffer)) <= 500_000
        assert "messages were dropped so far" in caplog.text
        while receiver.pop() is not None:
            pass
        dropped = messages.dropped
        await bus.publish(call(1))
        assert (await anext(messages)).event == call(1)
        assert messages.dropped == dropped, "there is room again"


async def test_a_message_larger_than_all_that_may_wait_is_read(nats_server: NatsServer) -> None:
    async with (
        dms_events.connect(nats_server.url, durable=False, core_buffer_bytes=1) as bus,
        bus.subscribe(ServiceCall) as messages,
    ):
        for number in range(3):
            await bus.publish(call(number))
            assert (await anext(messages)).event == call(number)
        assert messages.dropped == 0


async def test_a_buffer_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="core_buffer_bytes"):
        dms_events.connect("nats://127.0.0.1:1", durable=False, core_buffer_bytes=0)


@pytest.mark.parametrize("kind", ["payload", "headers"])
async def test_a_reader_of_jetstream_asks_for_no_more_than_it_may_hold(
    nats_server: NatsServer, operator: Operator, kind: str
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        bus.subscribe(ServiceCall, durable="reader", prefetch=1_000) as messages,
    ):
        receiver = messages._receiver
        assert isinstance(receiver, PullReceiver)
        await send(operator.client, kind, 600)
        await until(lambda: len(receiver.buffer) > 100, "it fills")
        held, more = 0, len(receiver.buffer)
        while more > held:
            held = more
            await asyncio.sleep(0.3)
            more = len(receiver.buffer)
        assert sum(map(weight, receiver.buffer)) < 12_000_000


def weight(delivery: Any) -> int:
    headers = sum(len(name) + len(value) for name, value in (delivery.headers or {}).items())
    return len(delivery.data) + len(delivery.subject) + headers
