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
    Scheduler,
)
from dms_events_libp2p.addresses import of_url, peers_of, resolved
from dms_events_libp2p.keys import new_key, peer_id
from tests.contract.places import call, collect
from tests.kit.libp2p.buses import URL, connect, hears

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
            await hears(bus, other)
            await bus.publish(call())
            [message] = await collect(messages, 1)
    assert message.source == peer_id(key)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"dht_prefix": "/nunet"}, "dht_prefix"),
        ({"rendezvous": "x"}, "rendezvous"),
        ({"server": True}, "server"),
        ({"scheduler": Scheduler()}, "scheduler"),
        ({"custom_namespace": "/x/"}, "custom_namespace"),
        ({"peer_count_discovery_limit": 1}, "peer_count_discovery_limit"),
        ({"listen_address": []}, "listen_address"),
    ],
)
def test_a_field_that_is_not_built_yet_is_refused_by_name(
    fields: dict[str, Any], named: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        dms_events.connect(config(**fields))
    assert caught.value.setting == f"NetworkConfig.{named}"


@pytest.mark.parametrize(
    ("url", "options", "says"),
    [
        ("libp2p://", {}, "url: write libp2p://HOST:PORT"),
        ("libp2p://127.0.0.1", {}, "url: write libp2p://HOST:PORT"),
        ("libp2p://127.0.0.1:port", {}, "url: write libp2p://HOST:PORT"),
        ("libp2p://127.0.0.1:0/path", {}, "url: write libp2p://HOST:PORT"),
        (URL, {"listen_address": ["/ip4/0.0.0.0/udp/0/quic-v1"]}, "QUIC is left out"),
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
        (URL, {"dht_prefix": "/nunet"}, "options: libp2p has no option 'dht_prefix'"),
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
    [only] = peers_of([f"/dns4/localhost/tcp/7/p2p/{PEER}", None])
    assert only == PEER
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
