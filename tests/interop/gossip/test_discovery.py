"""The DHT with go-libp2p-kad-dht: peers of a rendezvous, and values, both ways."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

import dms_events
from dms_events import Bus
from dms_events.types.elk_stats import ServiceCall
from dms_events.types.network_config import Multiaddr, NetworkConfig, NetworkType, Scheduler
from dms_events_libp2p.keys.node_key import new_key
from tests.contract.places import call, collect, until
from tests.kit.go.libp2p import GoNode, build
from tests.kit.libp2p.buses import URL, connect, eventually, hears, is_connected
from tests.kit.programs.command import answer
from tests.kit.soak import sized

DHT: dict[str, Any] = {"dht_prefix": "/nunet", "rendezvous": "dms-test"}


@pytest.fixture(scope="module")
def go() -> Path:
    return build()


async def found(node: GoNode, bus: Bus) -> dict[str, Any]:
    """What a Go peer says of a bus that it finds under the rendezvous."""
    [told] = await node.wait("found", 1, lambda event: event["peer"] == bus.transport.peer_id)
    return told


async def test_a_command_finds_its_readers_under_a_rendezvous(go: Path) -> None:
    async with (
        GoNode.run(go, dht_prefix="/nunet", topic="of nobody else") as hub,
        connect(peers=[hub.address], **DHT) as bus,
        bus.subscribe(ServiceCall) as messages,
    ):
        event = dms_events.encode(call()).decode()
        dht = ("--dht-prefix", "/nunet", "--rendezvous", "dms-test", "--bootstrap", hub.address)
        out = await answer("publish", "ServiceCall", event, "--url", URL, *dht)
        assert out == "published 1 elk_stats.ServiceCall; 1 peer subscribes to it\n"
        await collect(messages, 1)


@pytest.mark.parametrize("server", [False, True])
async def test_go_and_python_find_each_other_under_a_rendezvous(go: Path, server: bool) -> None:
    async with (
        GoNode.run(go, dht_prefix="/nunet") as hub,
        GoNode.run(go, connect=hub.address, **DHT) as node,
        connect(peers=[hub.address], server=server, **DHT) as bus,
    ):
        told = await found(node, bus)
        assert [f"{address}/p2p/{told['peer']}" for address in told["addrs"]] == (
            bus.transport.addresses
        )
        await eventually(lambda: is_connected(bus, node.peer))
        [own] = await hub.wait("identified", 1, lambda event: event["peer"] == told["peer"])
        assert ("/nunet/kad/1.0.0" in own["protocols"]) is server


async def test_python_finds_python_by_way_of_go(go: Path) -> None:
    async with (
        GoNode.run(go, dht_prefix="/nunet") as hub,
        connect(peers=[hub.address], **DHT) as first,
        connect(peers=[hub.address], **DHT) as second,
        second.subscribe(ServiceCall) as messages,
    ):
        await eventually(lambda: is_connected(first, second.transport.peer_id))
        await hears(first, second)
        await first.publish(call())
        await collect(messages, 1)


async def test_a_network_config_takes_part_in_the_dht(go: Path) -> None:
    async with GoNode.run(go, dht_prefix="/nunet") as hub:
        config = NetworkConfig(
            type=NetworkType.LIBP2P,
            listen_address=["/ip4/127.0.0.1/tcp/0"],
            bootstrap_peers=[Multiaddr(hub.address)],
            server=True,
            scheduler=Scheduler(),
            peer_count_discovery_limit=10,
            custom_namespace="/nunet-dht-1/",
            **DHT,
        )
        async with (
            connect(url=config) as bus,
            GoNode.run(go, connect=hub.address, **DHT) as node,
        ):
            await found(node, bus)
            await eventually(lambda: is_connected(bus, node.peer))
            own = bus.transport.peer_id
            [told] = await hub.wait("identified", 1, lambda event: event["peer"] == own)
    assert "/nunet/kad/1.0.0" in told["protocols"]
    assert not [p for p in told["protocols"] if "kad" in p and not p.startswith("/nunet/")]


async def test_a_dht_of_another_prefix_is_another_dht(go: Path) -> None:
    async with AsyncExitStack() as stack:
        hubs, buses = [], []
        for prefix in ("/nunet", "/other"):
            hub = await stack.enter_async_context(GoNode.run(go, dht_prefix=prefix))
            hubs.append(hub.address)
        for prefix in ("/nunet", "/other", "/nunet", "/other"):
            options = {**DHT, "dht_prefix": prefix, "server": True}
            buses.append(await stack.enter_async_context(connect(peers=hubs, **options)))
        ids = [bus.transport.peer_id for bus in buses]
        for number in range(4):
            await eventually(lambda: is_connected(buses[number], ids[(number + 2) % 4]))  # noqa: B023
        assert not [ids[1] for bus in buses[::2] if is_connected(bus, ids[1])]
        assert not [ids[0] for bus in buses[1::2] if is_connected(bus, ids[0])]


async def test_values_go_both_ways(go: Path) -> None:
    values: dict[str, Any] = {"dht_prefix": "/nunet", "custom_namespace": "/dms-test/"}
    flags = {"dht_prefix": "/nunet", "dht_namespace": "dms-test"}
    async with (
        connect(server=True, **values) as bus,
        GoNode.run(go, connect=bus.transport.addresses[0], **flags) as node,
        connect(peers=[node.address], **values) as client,
    ):
        await eventually(lambda: is_connected(client, node.peer))
        await node.wait("identified", 2)

        async def put() -> bool:
            return bool(await client.transport.put_value("/dms-test/of-python", b"from Python"))

        await until(put)
        node.publish("get /dms-test/of-python")
        [told] = await node.wait("get", 1)
        assert told == {"event": "get", "value": "from Python"}

        node.publish("put /dms-test/of-go from Go")
        [told] = await node.wait("put", 1)
        assert told == {"event": "put"}
        assert await client.transport.get_value("/dms-test/of-go") == b"from Go"
        assert await bus.transport.get_value("/dms-test/of-go") == b"from Go"
        assert await bus.transport.get_value("/dms-test/of-nobody") is None


async def test_go_finds_a_peer_by_asking_python(go: Path) -> None:
    async with (
        connect(server=True, dht_prefix="/nunet") as bus,
        GoNode.run(go, connect=bus.transport.addresses[0], dht_prefix="/nunet") as first,
        GoNode.run(go, connect=bus.transport.addresses[0], dht_prefix="/nunet") as second,
    ):

        async def asked() -> bool:
            count = len(first.of("find"))
            first.publish(f"find {second.peer}")
            told = (await first.wait("find", count + 1))[-1]
            return second.address == f"{(told.get('addrs') or [''])[0]}/p2p/{second.peer}"

        await until(asked)


@pytest.mark.soak
async def test_nodes_whose_bootstrap_peer_is_gone_come_back_to_those_they_knew(
    go: Path, tmp_path: Path
) -> None:
    keys = [new_key() for _ in range(sized(2, 6))]
    async with AsyncExitStack() as nodes, AsyncExitStack() as buses:
        async with GoNode.run(go, dht_prefix="/nunet") as hub:
            for _ in range(sized(4, 12)):
                await nodes.enter_async_context(GoNode.run(go, connect=hub.address, **DHT))

            def of(number: int) -> Bus:
                options = {**DHT, "server": bool(number % 2), "state_dir": tmp_path / str(number)}
                return connect(peers=[hub.address], private_key=keys[number], **options)

            lives = [of(number) for number in range(len(keys))]
            for bus in lives:
                await buses.enter_async_context(bus)
            for bus in lives:
                await eventually(lambda: len(bus.transport.peers) > 5, within_s=60)  # noqa: B023
        for number, bus in enumerate(lives):
            await bus.close()
            again = await buses.enter_async_context(of(number))
            await eventually(lambda: len(again.transport.peers) >= 5, within_s=60)  # noqa: B023
