"""How a node comes to its peers."""

from __future__ import annotations

from tests.kit.libp2p.buses import connect, eventually


async def test_each_address_of_a_peer_is_tried() -> None:
    async with connect() as other:
        [address] = other.transport.addresses
        moved = f"/ip4/127.0.0.1/tcp/1/p2p/{other.transport.peer_id}"
        async with connect(peers=[moved, address]) as bus:
            await eventually(lambda: bus.transport.peers)
