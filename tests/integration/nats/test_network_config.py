"""A bus from the README's own configuration, on a real server that asks for a password."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

import dms_events
from dms_events.types.elk_stats import ServiceCall
from dms_events.types.network_config import NetworkConfig, NetworkType
from dms_events_nats import NatsServer
from tests.kit.storing import call

GUARDED = "authorization { user: dms, password: right }"


@pytest_asyncio.fixture
async def guarded_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with NatsServer(tmp_path / "nats", config=GUARDED) as server:
        yield server


@pytest.mark.parametrize("scheme", ["nats://", ""])
async def test_a_node_configuration_publishes_and_reads(
    guarded_server: NatsServer, scheme: str
) -> None:
    address = guarded_server.url.removeprefix("nats://")
    config = NetworkConfig(type=NetworkType.NATS, nats_url=f"{scheme}dms:right@{address}")
    async with dms_events.connect(config, source="peer-1") as bus:
        await bus.publish(call(7))
    async with (
        dms_events.connect(config) as bus,
        bus.subscribe(ServiceCall, durable="d") as messages,
    ):
        message = await anext(messages)
        assert (message.event, message.source) == (call(7), "peer-1")
        await message.ack()
