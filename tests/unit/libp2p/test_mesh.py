"""The mesh of a topic: who is in it, and who is told of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack

import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr
from trio.testing import MockClock

from dms_events import Bus
from dms_events.types.elk_stats import NewService, ServiceCall
from dms_events_libp2p.addresses.endpoints import Reach
from dms_events_libp2p.dialling import Dialler, UnreachableError
from dms_events_libp2p.keys.node_key import new_key, peer_id
from dms_events_libp2p.node.node import Node
from dms_events_libp2p.peers.exchange import PeerExchange
from tests.contract.places import call, collect, service
from tests.kit.libp2p.buses import connect, eventually, full_with, hears

CALLS, SERVICES = "dms/events/elk_stats.ServiceCall", "dms/events/elk_stats.NewService"


async def test_nodes_that_know_one_full_node_only_get_to_know_each_other() -> None:
    async with AsyncExitStack() as stack, connect() as hub, hub.subscribe(ServiceCall):
        full_with(hub, 1)
        leaves: list[Bus] = []
        for _ in range(4):
            leaves.append(await stack.enter_async_context(connect(hub)))
            await stack.enter_async_context(leaves[-1].subscribe(ServiceCall))
        await eventually(lambda: all(len(leaf.peers) == 4 for leaf in leaves))


async def test_a_peer_is_grafted_for_its_own_topics_only() -> None:
    async with (
        connect() as first,
        connect() as second,
        connect(first, second) as bus,
        bus.subscribe("elk_stats.*") as messages,
        first.subscribe(ServiceCall),
        second.subscribe(NewService) as services,
    ):
        await hears(bus, first)
        await hears(bus, second, "elk_stats.NewService")
        node: Node = bus.transport._node
        by_name = {str(peer): peer for peer in list(node.pubsub.peers)}
        wanted: dict[object, Sequence[str]] = {
            by_name[first.transport.peer_id]: [CALLS],
            by_name[second.transport.peer_id]: [SERVICES],
        }

        async def graft() -> None:
            await node.router._emit_control_msgs(wanted, {}, {})
            await trio.lowlevel.checkpoint()

        await hears(second, bus, "elk_stats.NewService")
        await bus.transport._bridge.call(graft)
        await bus.publish(service())
        await collect(services, 1)
        await second.publish(service())
        await collect(messages, 1)
        assert not node.router.back_off.get(CALLS), "nobody refuses a topic that it does not have"


async def test_a_peer_that_comes_back_is_let_into_the_mesh_at_once() -> None:
    key = new_key()
    async with connect() as bus, bus.subscribe(ServiceCall):
        node: Node = bus.transport._node

        def in_mesh() -> bool:
            return peer_id(key) in map(str, list(node.router.mesh.get(CALLS, ())))

        async with connect(bus, private_key=key) as peer, peer.subscribe(ServiceCall):
            await eventually(in_mesh)
            far: Node = peer.transport._node
            await eventually(lambda: far.pubsub.peers)
            [own] = list(far.pubsub.peers)
            await peer.transport._bridge.call(far.router.emit_prune, CALLS, own, False, False)
            await eventually(lambda: node.router.back_off.get(CALLS))
        await eventually(lambda: not bus.peers)
        async with connect(bus, private_key=key) as peer, peer.subscribe(ServiceCall):
            await eventually(in_mesh, within_s=30)


async def test_the_end_of_an_earlier_stream_forgets_nothing_of_the_present_ones() -> None:
    async with connect() as reader, connect(reader) as bus, reader.subscribe(ServiceCall):
        await hears(bus, reader)
        pubsub = bus.transport._node.pubsub
        await eventually(lambda: pubsub.peers)
        [peer] = list(pubsub.peers)

        async def end_of_another() -> None:
            pubsub._handle_dead_peer(peer)
            await trio.lowlevel.checkpoint()

        await bus.transport._bridge.call(end_of_another)
        await bus.publish(call())
        assert [each.peer_id for each in bus.peers] == [reader.transport.peer_id]


class FarTeller(Dialler):
    """Reaches nobody, and says how far who names them is."""

    def __init__(self, reach: Reach) -> None:
        self.reach = reach
        self.asked: list[str] = []

    @property
    def connected(self) -> list[ID]:
        return []

    def reach_to(self, peer: ID) -> Reach:
        return self.reach

    async def connect(
        self, peer: ID, addresses: Sequence[Multiaddr], within_s: float = 1.0
    ) -> Multiaddr | None:
        await trio.lowlevel.checkpoint()
        self.asked += map(str, addresses)
        raise UnreachableError("nobody is there")


def test_addresses_are_not_dialled_that_reach_less_far_than_who_names_them() -> None:
    async def dialled(reach: Reach) -> list[str]:
        dialler = FarTeller(reach)
        exchange = PeerExchange(ID(b"own"), dialler)
        addresses = ["/ip4/10.0.0.1/tcp/1", "/ip4/8.8.8.8/tcp/2"]
        exchange.offer(ID(b"teller"), [PeerInfo(ID(b"named"), [*map(Multiaddr, addresses)])])
        with trio.move_on_after(1):
            await exchange.run()
        return dialler.asked

    def run(main: Callable[[Reach], Awaitable[list[str]]], reach: Reach) -> list[str]:
        found: list[str] = trio.run(main, reach, clock=MockClock(autojump_threshold=0))
        return found

    assert run(dialled, Reach.NETWORK) == [
        "/ip4/10.0.0.1/tcp/1",
        "/ip4/8.8.8.8/tcp/2",
    ]
    assert run(dialled, Reach.INTERNET) == ["/ip4/8.8.8.8/tcp/2"]
