"""Who is there, pings, and the figures of a node."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator

import pytest

from dms_events import ConfigError, ConnectionLostError, PublishError, TransportError
from dms_events.transport import Peer
from dms_events.types.elk_stats import NewService, ServiceCall
from dms_events.types.network import NetworkStats
from dms_events_libp2p import NodeFigures
from dms_events_libp2p.keys.node_key import new_key, peer_id
from tests.contract.places import call
from tests.kit.libp2p.buses import connect, eventually, hears
from tests.kit.libp2p.go_peers import free_port
from tests.kit.libp2p.hostile import get_in
from tests.kit.paths import HOME
from tests.kit.servers.hanging import silent

SOMEBODY = peer_id(new_key())


async def test_both_ends_of_a_connection_say_who_is_there() -> None:
    async with (
        connect() as here,
        connect(here) as there,
        there.subscribe(ServiceCall, NewService),
    ):
        await hears(here, there)
        await eventually(lambda: here.peers and there.peers)
        [address] = here.transport.addresses
        [caller], [called] = here.peers, there.peers
    assert called == Peer(
        peer_id=here.transport.peer_id,
        addresses=(address.partition("/p2p/")[0],),
        direction="outbound",
        latency_s=None,
        types=(),
    )
    assert (caller.peer_id, caller.direction) == (there.transport.peer_id, "inbound")
    assert caller.types == ("elk_stats.NewService", "elk_stats.ServiceCall")
    assert re.fullmatch(r"/ip4/127\.0\.0\.1/tcp/\d+", caller.addresses[0])
    assert here.peers == (), "it is closed"


async def test_a_ping_tells_the_round_trip() -> None:
    async with connect() as here, connect() as there:
        [address] = there.transport.addresses
        result = await here.transport.ping(address)
        assert result.success
        assert 0 < result.rtt < 5e9
        again = await here.transport.ping(there.transport.peer_id)
        [peer] = here.peers
        assert peer.latency_s == again.rtt / 1e9
        both = await asyncio.gather(*(here.transport.ping(address) for _ in range(2)))
        assert all(each.success for each in both)
    with pytest.raises(ConnectionLostError):
        await here.transport.ping(address)


async def test_a_ping_of_nobody_says_why() -> None:
    async with connect() as here, connect() as there, silent() as mute:
        ping, [address] = here.transport.ping, there.transport.addresses
        with pytest.raises(
            TransportError, match=f"{SOMEBODY} is not connected; name its multiaddr"
        ):
            await ping(SOMEBODY)
        another = address.replace(there.transport.peer_id, SOMEBODY)
        for nobody, says in (
            (f"/ip4/127.0.0.1/tcp/1/p2p/{SOMEBODY}", ".*Connection refused"),
            (another, "peer id does not correspond"),
        ):
            with pytest.raises(TransportError, match=f"cannot connect to {nobody}: {says}"):
                await ping(nobody)
        _, _, port = mute.address.partition(":")
        result = await ping(f"/ip4/127.0.0.1/tcp/{port}/p2p/{SOMEBODY}", timeout_s=0.2)
        assert (result.success, result.rtt) == (False, 0)
        for wrong, says in (
            ("/ip4/127.0.0.1/tcp/1", "is not a TCP address such as /ip4/"),
            ("127.0.0.1:4001", "neither a peer id nor a multiaddr"),
        ):
            with pytest.raises(ConfigError, match=says):
                await ping(wrong)


async def test_a_node_is_no_peer_of_itself() -> None:
    key, place = new_key(), f"127.0.0.1:{free_port()}"
    own = f"/ip4/{place.replace(':', '/tcp/')}/p2p/{peer_id(key)}"
    twice = {"private_key": key, "peers": [own]}
    async with (
        connect(url=f"libp2p://{place}", **twice) as bus,
        connect(bus, **twice) as twin,
        bus.subscribe(ServiceCall),
    ):
        for node in (bus, twin):
            with pytest.raises(TransportError, match="it is this node, or has its key"):
                await node.transport.ping(own)
            assert node.peers == ()
        with pytest.raises(PublishError, match="0 peers are connected"):
            await twin.publish(call())


async def test_the_state_of_a_node_is_told_as_the_dms_tells_it() -> None:
    async with connect(listen_address=["/ip4/127.0.0.2/tcp/0"]) as bus:
        told = bus.transport.stats
        assert told == NetworkStats(
            id=bus.transport.peer_id, listen_addr=", ".join(bus.transport.addresses)
        )
        assert told.listen_addr.count("/tcp/") == 2


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads that take turns within a loop over a few items, and not each 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_threads")
async def test_peers_and_figures_are_read_while_nodes_come_and_go() -> None:
    async with connect() as bus, bus.subscribe(ServiceCall):
        coming = asyncio.create_task(get_in(bus.transport.addresses[0], 20))
        most = 0
        while not coming.done():
            for _ in range(20):
                peers, figures = bus.peers, bus.transport.figures
                assert all(peer.direction == "inbound" for peer in peers)
                most = max(most, min(len(peers), figures.peers))
            await asyncio.sleep(0)
        await eventually(lambda: bus.transport.figures.peers == 0)
    assert coming.result() == 20
    assert most > 1


def test_the_guide_has_every_figure() -> None:
    page = (HOME / "docs" / "libp2p.md").read_text(encoding="utf-8")
    table = page.partition("## Who is there")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert named == list(NodeFigures.__struct_fields__)
