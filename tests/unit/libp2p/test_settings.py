"""Settings of libp2p: what works is taken as it is meant, what is not built yet is refused by name."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import dms_events
from dms_events import ConfigError
from dms_events.types.elk_stats import ServiceCall
from dms_events.types.network_config import (
    Multiaddr,
    NetworkConfig,
    NetworkType,
)
from dms_events_libp2p.addresses.multiaddrs import bootstrap_peers, of_url, resolved
from dms_events_libp2p.keys.node_key import new_key, peer_id
from tests.contract.places import call, collect
from tests.kit.libp2p.buses import URL, connect, eventually, hears, is_connected

PEER = peer_id(new_key())
LISTEN = ["/ip4/127.0.0.1/tcp/0"]


def config(**fields: Any) -> NetworkConfig:
    return NetworkConfig(type=NetworkType.LIBP2P, **{"listen_address": LISTEN, **fields})


async def test_a_network_config_makes_a_node() -> None:
    key = new_key()
    async with connect() as other, other.subscribe(ServiceCall) as messages:
        peers = [Multiaddr(address) for address in other.transport.addresses]
        settings = config(
            private_key=key,
            bootstrap_peers=peers,
            grace_period_ms=5_000,
            gossip_max_message_size=65_536,
        )
        async with dms_events.connect(settings) as bus:
            assert bus.transport.peer_id == peer_id(key)
            assert bus.transport.max_payload < 65_536
            assert bus.transport._settings.grace_period_s == 5
            await hears(bus, other)
            await bus.publish(call())
            [message] = await collect(messages, 1)
    assert message.source == peer_id(key)


def test_a_config_that_listens_nowhere_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        dms_events.connect(config(listen_address=[]))
    assert caught.value.setting == "NetworkConfig.listen_address"


@pytest.mark.parametrize(
    ("url", "options", "says"),
    [
        ("libp2p://", {}, "url: write libp2p://HOST:PORT"),
        ("libp2p://127.0.0.1", {}, "url: write libp2p://HOST:PORT"),
        ("libp2p://127.0.0.1:port", {}, "url: write libp2p://HOST:PORT"),
        ("libp2p://127.0.0.1:0/path", {}, "url: write libp2p://HOST:PORT"),
        (URL, {"listen_address": ["/ip4/0.0.0.0/udp/0/quic-v1"]}, "QUIC is not supported"),
        (URL, {"listen_address": ["/ip4/0.0.0.0/tcp/0/ws"]}, "is not a TCP address"),
        (URL, {"listen_address": ["127.0.0.1"]}, "is not a multiaddr"),
        (URL, {"bootstrap_peers": ["/ip4/127.0.0.1/tcp/1"]}, "is not a TCP address"),
        (URL, {"bootstrap_peers": ["/ip4/127.0.0.1/tcp/1/p2p/x"]}, "bootstrap_peers"),
        (URL, {"root": "/nunet"}, "signed actor envelopes"),
        (URL, {"root": "/nunet/stats"}, "signed actor envelopes"),
        (URL, {"root": "a b"}, "root"),
        (URL, {"wait_for_peers_s": -1}, "wait_for_peers_s: must be at least 0"),
        (URL, {"gossip_max_message_size": 100}, "gossip_max_message_size"),
        (URL, {"connections_per_address": 0}, "connections_per_address"),
        (
            URL,
            {"announce": ["/ip4/203.0.113.7/udp/1/quic-v1"]},
            "announce: .* QUIC is not supported",
        ),
        (URL, {"announce": ["/dnsaddr/node.example"]}, "announce: .* is not a TCP address"),
        (URL, {"dht_prefix": "nunet"}, "dht_prefix: 'nunet' is not a protocol prefix"),
        (URL, {"dht_prefix": "/nu net"}, "dht_prefix"),
        (URL, {"dht_prefix": "/nunet/"}, "dht_prefix"),
        (URL, {"rendezvous": "x", "peer_count_discovery_limit": -1}, "must be between 0 and 500"),
        (URL, {"rendezvous": "x", "peer_count_discovery_limit": 501}, "must be between 0 and 500"),
        (URL, {"peer_count_discovery_limit": 1}, "set rendezvous too"),
        (URL, {"custom_namespace": "/a/b/"}, "custom_namespace: must be one word"),
        (URL, {"custom_namespace": "pk"}, "custom_namespace: must be one word"),
        (URL, {"custom_namespace": "/"}, "custom_namespace: must be one word"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(url: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        dms_events.connect(url, **options)


async def test_a_port_in_use_is_an_error_at_open_and_leaves_nothing() -> None:
    async with connect() as first:
        port = first.transport.addresses[0].split("/")[4]
        second = connect(url=f"libp2p://127.0.0.1:{port}")
        with pytest.raises(ConfigError, match="listen"):
            await second.open()
        await second.close()


async def test_names_are_resolved_as_the_machine_does_it() -> None:
    assert of_url("libp2p://localhost:7").startswith("/ip")
    assert of_url("libp2p://[::1]:7") == "/ip6/::1/tcp/7"
    peers, names = bootstrap_peers([f"/dns4/localhost/tcp/7/p2p/{PEER}", None])
    assert (list(peers), names) == ([PEER], [])
    assert [str(a) for a in resolved(f"/dns4/localhost/tcp/7/p2p/{PEER}")] == [
        "/ip4/127.0.0.1/tcp/7"
    ]
    async with connect() as other, other.subscribe(ServiceCall):
        [address] = other.transport.addresses
        named = address.replace("/ip4/127.0.0.1/", "/dns4/localhost/")
        async with connect(peers=[named]) as bus:
            await hears(bus, other)


async def test_other_nodes_are_told_what_is_to_be_announced() -> None:
    announced = "/ip4/203.0.113.7/tcp/4001"
    async with connect(announce=[announced]) as bus:
        assert bus.transport.addresses == [f"{announced}/p2p/{bus.transport.peer_id}"]


async def test_a_node_on_all_interfaces_tells_their_addresses() -> None:
    async with connect(url="libp2p://0.0.0.0:0") as bus:
        told = bus.transport.addresses
        assert told
        assert not [address for address in told if "/0.0.0.0/" in address]
        async with connect(peers=told[:1]) as other:
            await eventually(lambda: is_connected(other, bus.transport.peer_id))


async def test_a_node_with_a_key_file_keeps_its_peer_id(tmp_path: Path) -> None:
    ids = []
    for _ in range(2):
        async with connect(key_file=tmp_path / "node.key") as bus:
            ids.append(bus.transport.peer_id)
    assert ids[0] == ids[1]


def test_the_bus_says_where_it_is_before_it_is_open() -> None:
    bus = connect(private_key=new_key())
    assert bus.transport.peer_id in bus.where
    assert bus.transport.addresses == []
    asyncio.run(bus.close())
