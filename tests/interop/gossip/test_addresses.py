"""Addresses that a Go peer is told, and that it is dialled at."""

from __future__ import annotations

from pathlib import Path

import pytest

from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import collect
from tests.kit.go.libp2p import GoNode, build
from tests.kit.libp2p.buses import connect, eventually, is_connected


@pytest.fixture(scope="module")
def go() -> Path:
    return build()


async def test_a_go_peer_is_told_the_addresses_that_are_announced(go: Path) -> None:
    announced = [
        "/ip4/203.0.113.7/tcp/4001",
        "/ip6/2001:db8::7/tcp/4001",
        "/dns4/node.example/tcp/4001",
    ]
    async with connect(announce=announced) as bus:
        own = bus.transport.peer_id
        [listening] = bus.transport._node.host.get_transport_addrs()
        async with GoNode.run(go, connect=f"{listening}/p2p/{own}") as node:
            [told] = await node.wait("identified", 1, lambda event: event["peer"] == own)
    assert sorted(told["addrs"]) == sorted(announced)


@pytest.mark.parametrize("dials", ["python", "go"])
async def test_ipv6_is_dialled_both_ways(go: Path, dials: str) -> None:
    async with connect(url="libp2p://[::1]:0") as bus, bus.subscribe(ServiceCall) as messages:
        [address] = bus.transport.addresses
        assert address.startswith("/ip6/::1/tcp/")
        flags = {"connect": address} if dials == "go" else {}
        async with GoNode.run(go, listen="/ip6/::1/tcp/0", **flags) as node:
            if dials == "python":
                async with connect(url="libp2p://[::1]:0", peers=[node.address]) as other:
                    await eventually(lambda: is_connected(other, node.peer))
                    return
            await node.wait("joined", 1)
            node.publish(1)
            [message] = await collect(messages, 1)
            assert message.source == node.peer
