"""A private network with a Go peer: the same swarm key connects, another one or none does not, soon."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dms_events.types.elk_stats import ServiceCall
from tests.kit.go.libp2p import GoNode
from tests.kit.libp2p.buses import connect, eventually
from tests.kit.libp2p.go_peers import both_ways, met
from tests.kit.libp2p.swarm_keys import make_swarm_key


@pytest.mark.parametrize("security", ["noise", "tls"])
@pytest.mark.parametrize("dials", ["python", "go"])
async def test_nodes_with_the_same_swarm_key_hear_each_other(
    go: Path, tmp_path: Path, security: str, dials: str
) -> None:
    key = make_swarm_key(tmp_path / "swarm.key")
    async with GoNode.run(go, swarm_key=str(key), security=security) as node:
        peers = [node.address] if dials == "python" else []
        async with connect(swarm_key=key, peers=peers) as bus, bus.subscribe(ServiceCall):
            if dials == "go":
                node.connect(bus.transport.addresses[0])
                await node.wait("connected", 1)
            await met(bus, node)
            await both_ways(bus, node)


KEYS = {
    "another key": ("first", "second"),
    "no key in Go": ("first", None),
    "no key in Python": (None, "first"),
}


@pytest.mark.parametrize(("ours", "theirs"), KEYS.values(), ids=KEYS)
async def test_a_node_with_another_swarm_key_or_none_is_not_connected(
    go: Path,
    tmp_path: Path,
    ours: str | None,
    theirs: str | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    options = {"swarm_key": make_swarm_key(tmp_path / ours)} if ours else {}
    flags = {"swarm_key": str(make_swarm_key(tmp_path / theirs))} if theirs else {}
    async with GoNode.run(go, **flags) as node, connect(**options) as bus:
        node.connect(bus.transport.addresses[0])
        await node.wait("refused", 1)
        await eventually(lambda: bus.transport.figures.refused >= 1)
        network = bus.transport._node.host.get_network()
        await eventually(lambda: network._inbound_limiter.borrowed_tokens == 0)
        assert "does it have " in caplog.text, "the same swarm key, or one at all"
        async with connect(peers=[node.address], **options) as dialling:
            await eventually(lambda: f"peer {node.peer} cannot be reached yet" in caplog.text)
            assert not dialling.transport.peers
        assert not bus.transport.peers


async def test_a_go_peer_is_connected_if_the_access_list_names_it(go: Path) -> None:
    async with GoNode.run(go) as friend, GoNode.run(go) as stranger:
        acl = [f"/ip4/127.0.0.0/ipcidr/8/p2p/{friend.peer}"]
        async with (
            connect(acl=acl, peers=[friend.address, stranger.address]) as bus,
            bus.subscribe(ServiceCall),
        ):
            stranger.connect(bus.transport.addresses[0])
            await stranger.wait("refused", 1)
            await met(bus, friend)
            await both_ways(bus, friend)
            await eventually(lambda: bus.transport.figures.not_dialled)
            assert bus.transport.figures.refused >= 1
            assert [peer.peer_id for peer in bus.transport.peers] == [friend.peer]
