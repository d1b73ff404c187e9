"""The permissions of docs/relay.md let a relay publish relayed events, and nobody else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import dms_events
from dms_events import Bus, PublishError
from dms_events_nats import NatsServer, NatsSetup, apply_setup
from tests.kit.libp2p.buses import connect, eventually, hears
from tests.kit.libp2p.relays import relaying, stored
from tests.kit.paths import HOME
from tests.kit.storing import call, prepared

[CONFIG] = re.findall(
    r"```text\n(authorization.*?)```", (HOME / "docs" / "relay.md").read_text(), re.DOTALL
)
ADMIN = "{ user: admin, password: admin }"
PASSWORDS = {"admin": "admin", "relay": "change-me-1", "node-1": "change-me-2"}
ROOT = "dms.gossip"


def url_of(server: NatsServer, name: str) -> str:
    return server.url.replace("nats://", f"nats://{name}:{PASSWORDS[name]}@")


def as_user(server: NatsServer, name: str, root: str) -> Bus:
    return dms_events.connect(
        url_of(server, name), root=root, make_streams=False, inbox_prefix=f"_INBOX_{name}"
    )


async def test_only_the_relay_publishes_relayed_events(tmp_path: Path) -> None:
    config = CONFIG.replace("users: [", f"users: [\n    {ADMIN}", 1)
    async with NatsServer(tmp_path / "nats", config=config) as server:
        for root in ("dms", ROOT):
            await apply_setup(url_of(server, "admin"), NatsSetup(root=root))
        async with (
            as_user(server, "relay", ROOT) as target,
            connect() as node,
            relaying(target, node) as relay,
            as_user(server, "node-1", ROOT) as intruder,
        ):
            await hears(node, relay.node)
            await node.publish_many(prepared(node, 10))
            await eventually(lambda: relay.tally.stored == 10)
            for source in (node.transport.peer_id, "node-1"):
                with pytest.raises(PublishError, match="Permissions Violation"):
                    await intruder.publish(intruder.prepare(call(1), source=source))
        async with as_user(server, "relay", "dms") as wrong_root:
            with pytest.raises(PublishError, match="Permissions Violation"):
                await wrong_root.publish(wrong_root.prepare(call(1), source="node-1"))
        found = await stored(url_of(server, "admin"), "DMS_GOSSIP_EVENTS")
    assert {one.subject for one in found} == {
        f"dms.gossip.events.elk_stats.ServiceCall.{node.transport.peer_id}"
    }
    assert len(found) == 10


async def test_a_signer_that_the_server_does_not_permit_disturbs_no_other(tmp_path: Path) -> None:
    async with connect() as bad, connect(bad) as good:
        banned = f"dms.gossip.events.*.*.{bad.transport.peer_id}"
        user = f'{{user: relay, password: change-me-1, permissions: {{publish: {{deny: "{banned}"}}}}}}'
        config = f"authorization {{ users: [{ADMIN}, {user}] }}"
        async with NatsServer(tmp_path / "nats", config=config) as server:
            await apply_setup(url_of(server, "admin"), NatsSetup(root=ROOT))
            async with (
                as_user(server, "relay", ROOT) as target,
                relaying(target, bad, good) as relay,
            ):
                for node in (bad, good):
                    await hears(node, relay.node)
                    await node.publish_many(prepared(node, 100))
                await eventually(lambda: (relay.tally.refused, relay.tally.stored) == (100, 100))
            found = await stored(url_of(server, "admin"), "DMS_GOSSIP_EVENTS")
    assert {one.source for one in found} == {good.transport.peer_id}
