"""`/dnsaddr`: the peers that TXT records name, from a DNS server, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import dns.resolver
import pytest

from dms_events import ConfigError
from dms_events_libp2p.addresses import dnsaddr
from dms_events_libp2p.keys.node_key import new_key, peer_id
from tests.kit.dns import TxtServer
from tests.kit.libp2p.buses import connect, eventually, is_connected

PEERS = [peer_id(new_key()) for _ in range(3)]
NAME = "/dnsaddr/bootstrap.example"


def at(number: int, port: int = 4001) -> str:
    return f"/ip4/203.0.113.7/tcp/{port}/p2p/{PEERS[number]}"


def of_another() -> str:
    return at(0).replace(PEERS[0], peer_id(new_key()))


def record(address: str) -> str:
    return f"dnsaddr={address}"


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TxtServer]:
    async with TxtServer.run({}) as server:
        monkeypatch.setattr(dns.resolver, "default_resolver", server.resolver())
        yield server


async def found(text: str) -> dict[str, set[str]]:
    peers = await asyncio.to_thread(dnsaddr.peers_at, text)
    return {peer: set(addresses) for peer, addresses in peers.items()}


async def test_a_node_is_connected_to_the_peers_that_a_name_names(server: TxtServer) -> None:
    async with connect() as first, connect() as second:
        buses = (first, second)
        server.records["_dnsaddr.bootstrap.example"] = [
            record(bus.transport.addresses[0]) for bus in buses
        ]
        async with connect(peers=[NAME]) as bus:
            for other in buses:
                await eventually(lambda: is_connected(bus, other.transport.peer_id))  # noqa: B023


async def test_a_name_that_cannot_be_resolved_is_asked_for_again(server: TxtServer) -> None:
    async with connect() as first, connect(peers=[NAME]) as bus:
        await eventually(lambda: server.asked)
        server.records["_dnsaddr.bootstrap.example"] = [record(first.transport.addresses[0])]
        await eventually(lambda: is_connected(bus, first.transport.peer_id))


async def test_records_lead_to_others_and_those_of_other_kinds_are_passed_over(
    server: TxtServer,
) -> None:
    server.records = {
        "_dnsaddr.bootstrap.example": [
            record("/dnsaddr/eu.example"),
            record(at(0)),
            record(at(0, 4002)),
            record(f"/ip4/203.0.113.7/udp/4001/quic-v1/p2p/{PEERS[1]}"),
            record("/ip4/203.0.113.7/tcp/4001"),
            record("/dnsaddr/gone.example"),
            "v=spf1 -all",
            record("junk"),
        ],
        "_dnsaddr.eu.example": [record(at(1)), record(f"/dns4/node.example/tcp/1/p2p/{PEERS[2]}")],
    }
    assert await found(NAME) == {
        PEERS[0]: {at(0), at(0, 4002)},
        PEERS[1]: {at(1)},
        PEERS[2]: {f"/dns4/node.example/tcp/1/p2p/{PEERS[2]}"},
    }
    assert await found(f"{NAME}/p2p/{PEERS[1]}") == {PEERS[1]: {at(1)}}
    server.records["_dnsaddr.bootstrap.example"] = [
        record(f"/dnsaddr/eu.example/p2p/{PEERS[2]}"),
        record("/dnsaddr/eu.example/p2p/junk"),
    ]
    assert list(await found(NAME)) == [PEERS[2]]
    assert await found(f"{NAME}/p2p/{PEERS[1]}") == {}


async def test_a_record_that_leads_in_a_circle_ends(server: TxtServer) -> None:
    server.records = {"_dnsaddr.bootstrap.example": [record(NAME), record(at(0))]}
    assert await found(NAME) == {PEERS[0]: {at(0)}}
    assert server.asked == ["_dnsaddr.bootstrap.example"]


async def test_names_depth_peers_and_addresses_are_bounded(server: TxtServer) -> None:
    server.records = {
        "_dnsaddr.bootstrap.example": [record(f"/dnsaddr/n{n}.example") for n in range(50)],
        **{f"_dnsaddr.n{n}.example": [record(of_another())] for n in range(50)},
    }
    assert len(await found(NAME)) == 15
    assert len(server.asked) == 16
    server.asked.clear()
    server.records = {
        f"_dnsaddr.n{n}.example": [record(f"/dnsaddr/n{n + 1}.example"), record(at(0, n + 1))]
        for n in range(9)
    }
    assert await found("/dnsaddr/n0.example") == {PEERS[0]: {at(0, n) for n in range(1, 5)}}
    assert len(server.asked) == 4
    server.records = {
        "_dnsaddr.n0.example": [record(at(0, n)) for n in range(1, 20)],
        "_dnsaddr.n1.example": [record(of_another()) for _ in range(20)],
    }
    assert [len(addresses) for addresses in (await found("/dnsaddr/n0.example")).values()] == [8]
    assert len(await found("/dnsaddr/n1.example")) == 16


async def test_a_server_that_does_not_answer_is_waited_for_within_bounds(
    server: TxtServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dnsaddr, "_WITHIN_S", 0.3)
    server.silent.add("_dnsaddr.bootstrap.example")
    with pytest.raises(OSError, match=r"_dnsaddr\.bootstrap\.example"):
        await found(NAME)
    monkeypatch.setattr(dnsaddr, "_WITHIN_S", 2.0)
    server.records = {"_dnsaddr.other.example": [record(NAME), record(at(0))]}
    assert await found("/dnsaddr/other.example") == {PEERS[0]: {at(0)}}


def test_a_name_that_is_none_is_refused() -> None:
    for text in ("/dnsaddr/", "/dnsaddr/x/tcp/1", "/dnsaddr/x/p2p/junk"):
        with pytest.raises(ConfigError, match="bootstrap_peers"):
            connect(peers=[text])
