"""The permissions of docs/security.md let a node publish as itself, and as nobody else."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import nats
import pytest

import dms_events
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer, NatsSetup, apply_setup
from tests.contract.places import collect
from tests.kit.paths import HOME
from tests.kit.storing import call

PAGE = HOME / "docs" / "security.md"
[CONFIG] = re.findall(r"```text\n(authorization.*?)```", PAGE.read_text(), re.DOTALL)
ADMIN = "{ user: admin, password: admin }"
TYPE = "dms.events.elk_stats.ServiceCall"


def as_user(server: NatsServer, name: str, password: str) -> str:
    return server.url.replace("nats://", f"nats://{name}:{password}@")


@pytest.mark.parametrize(
    "subject", [f"{TYPE}.node-2", f"{TYPE}._", f"{TYPE}.node-1.0", "dms.dead.x.y.node-1"]
)
async def test_a_node_publishes_as_itself_and_as_nobody_else(tmp_path: Path, subject: str) -> None:
    config = CONFIG.replace("users: [", f"users: [\n    {ADMIN}", 1)
    async with NatsServer(tmp_path / "nats", config=config) as server:
        admin, node = as_user(server, "admin", "admin"), as_user(server, "node-1", "change-me-1")
        await apply_setup(admin, NatsSetup())
        async with (
            dms_events.connect(admin) as reader,
            reader.subscribe(ServiceCall) as messages,
        ):
            refused = asyncio.get_running_loop().create_future()

            async def told(error: Exception) -> None:
                if not refused.done():
                    refused.set_result(str(error))

            client = await nats.connect(node, error_cb=told)
            try:
                forged = reader.prepare(call(666), source="node-2")
                await client.publish(subject, forged.data)
                async with asyncio.timeout(5):
                    assert "permissions violation" in (await refused).lower()
            finally:
                await client.close()
            async with dms_events.connect(node, source="node-1", make_streams=False) as bus:
                await bus.publish(call(1))
                await bus.publish_many([call(2), call(3)])
            arrived = await collect(messages, 3)
    assert [m.event.call_id for m in arrived] == [1.0, 2.0, 3.0]
    assert {(m.source, m.source_is_claimed) for m in arrived} == {("node-1", False)}
