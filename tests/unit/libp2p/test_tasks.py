"""An exception in the library's own tasks ends no node: its parts are made to fail, one at a time."""

from __future__ import annotations

from typing import Any

import pytest
from libp2p.network.connection.swarm_connection import SwarmConn
from libp2p.stream_muxer.yamux.yamux import Yamux

from dms_events import Bus
from dms_events.types.elk_stats import ServiceCall
from tests.kit.libp2p.buses import connect, eventually, hears
from tests.kit.libp2p.hostile import TOPIC, get_in
from tests.unit.libp2p.test_hostile_peers import alive

NODE_PARTS = [
    ("router", "mesh_heartbeat"),
    ("router", "on_peer_subscribed"),
    ("pubsub", "_handle_new_peer_with_retry"),
]
CONNECTION_PARTS = [
    (SwarmConn, "_add_stream"),
    (SwarmConn, "remove_stream"),
    (Yamux, "handle_incoming"),
]


class Broken:
    """A part that raises, and counts how often."""

    def __init__(self) -> None:
        self.failed = 0

    def __call__(self, *args: Any, **options: Any) -> Any:
        self.failed += 1
        raise RuntimeError("this part fails")


async def goes_on(victim: Bus, friend: Bus) -> None:
    """Peers of before and new ones are heard, and the mesh is kept."""
    async with connect(victim) as other, other.subscribe(ServiceCall):
        await hears(other, victim)
        await alive(victim, other)
        await alive(victim, friend)
        mesh = victim.transport._node.router.mesh[TOPIC]
        await eventually(lambda: other.transport.peer_id in set(map(str, list(mesh))))


@pytest.mark.parametrize(("owner", "part"), NODE_PARTS, ids=[part for _, part in NODE_PARTS])
async def test_a_part_of_gossip_that_fails_ends_no_node(
    owner: str, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken()
    async with connect() as victim, connect(victim) as friend, victim.subscribe(ServiceCall):
        await hears(friend, victim)
        with monkeypatch.context() as patched:
            patched.setattr(getattr(victim.transport._node, owner), part, broken)
            async with connect(victim) as other, other.subscribe(ServiceCall):
                await eventually(lambda: broken.failed)
        await goes_on(victim, friend)


async def test_the_end_of_a_peer_that_is_not_handled_ends_no_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = Broken()
    async with connect() as victim, connect(victim) as friend, victim.subscribe(ServiceCall):
        await hears(friend, victim)
        with monkeypatch.context() as patched:
            patched.setattr(victim.transport._node.pubsub, "_look_at", broken)
            assert await get_in(victim.transport.addresses[0]) == 1
            await eventually(lambda: broken.failed)
        await goes_on(victim, friend)


async def test_a_heartbeat_that_fails_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Broken()
    async with connect() as bus:
        monkeypatch.setattr(bus.transport._node.router, "mesh_heartbeat", broken)
        await eventually(lambda: broken.failed >= 2)


@pytest.mark.parametrize(
    ("owner", "part"), CONNECTION_PARTS, ids=[part for _, part in CONNECTION_PARTS]
)
async def test_a_part_of_a_connection_that_fails_ends_no_node(
    owner: Any, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, stock = Broken(), getattr(owner, part)
    async with connect() as victim, connect(victim) as friend, victim.subscribe(ServiceCall):
        await hears(friend, victim)
        swarm = victim.transport._node.host.get_network()

        def part_of_the_victim(self: Any, *args: Any) -> Any:
            return (broken if self.swarm is swarm else stock)(self, *args)

        with monkeypatch.context() as patched:
            patched.setattr(owner, part, part_of_the_victim)
            await get_in(victim.transport.addresses[0])
            await eventually(lambda: broken.failed)
        await goes_on(victim, friend)
