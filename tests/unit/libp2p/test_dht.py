"""The parts of the DHT: what they keep is bounded, and what is read of others is checked."""

from __future__ import annotations

import pytest
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from dms_events import ConfigError
from dms_events_libp2p.addresses.endpoints import Endpoint, Reach, named_by
from dms_events_libp2p.dht.messages import Message, id_of, number, peers_in, put_peers
from dms_events_libp2p.dht.records import LARGEST_VALUE, Providers, Values
from dms_events_libp2p.dht.search import Search
from dms_events_libp2p.dht.table import Table
from tests.kit.libp2p.buses import connect

HERE = [Endpoint.of("/ip4/127.0.0.1/tcp/4001")]
DAY_S = 86_400.0


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def peer(number: int) -> ID:
    return ID(b"\x12\x20" + number.to_bytes(32, "big"))


@pytest.mark.parametrize(
    ("text", "reach"),
    [
        ("/ip4/127.0.0.1/tcp/4001", Reach.MACHINE),
        ("/ip6/::1/tcp/4001", Reach.MACHINE),
        ("/ip6/::ffff:127.0.0.1/tcp/4001", Reach.MACHINE),
        ("/ip4/192.168.1.2/tcp/1", Reach.NETWORK),
        ("/ip4/100.64.0.1/tcp/1", Reach.NETWORK),
        ("/ip6/fe80::1/tcp/1", Reach.NETWORK),
        ("/ip4/1.1.1.1/tcp/65535", Reach.INTERNET),
        ("/ip6/2606:4700::1111/tcp/4001", Reach.INTERNET),
    ],
)
def test_an_address_reaches_the_machine_the_network_or_the_internet(
    text: str, reach: Reach
) -> None:
    endpoint = Endpoint.read(Multiaddr(text).to_bytes())
    assert endpoint is not None
    assert (endpoint.reach, endpoint.to_bytes()) == (reach, Multiaddr(text).to_bytes())
    assert Endpoint.of(str(endpoint)) == endpoint
    assert (named_by([endpoint.to_bytes()], Reach.NETWORK) == []) == (reach is Reach.MACHINE)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x04",
        b"\x04\x7f\x00\x00\x01\x06\x0f",
        b"\xff" * 40,
        *(
            Multiaddr(text).to_bytes()
            for text in (
                "/ip4/0.0.0.0/tcp/4001",
                "/ip4/1.1.1.1/tcp/0",
                "/ip4/224.0.0.1/tcp/4001",
                "/ip6/::/tcp/4001",
                "/ip4/1.1.1.1/udp/4001/quic-v1",
                "/ip4/1.1.1.1/tcp/4001/ws",
                "/dns4/node.example/tcp/4001",
            )
        ),
    ],
)
def test_an_address_that_cannot_be_dialled_is_passed_over(raw: bytes) -> None:
    assert named_by([raw], Reach.MACHINE) == []


def test_an_address_with_the_peer_behind_it_is_taken() -> None:
    known = ID.from_pubkey(create_new_key_pair().public_key)
    raw = Multiaddr(f"/ip4/127.0.0.1/tcp/4001/p2p/{known}").to_bytes()
    assert named_by([raw, raw], Reach.MACHINE) == HERE


def test_of_an_answer_some_peers_and_some_of_their_addresses_are_read() -> None:
    raw = [Endpoint.of(f"/ip4/127.0.0.1/tcp/{port}").to_bytes() for port in range(1, 100)]
    entries = [Message.Peer(id=peer(n).to_bytes(), addrs=raw) for n in range(100)]
    found = peers_in([Message.Peer(id=b"junk"), *entries], 20, Reach.MACHINE)
    assert list(found) == [peer(n) for n in range(19)]
    assert {len(endpoints) for endpoints in found.values()} == {8}
    answer = Message()
    put_peers(answer.closerPeers, found)
    assert peers_in(answer.closerPeers, 20, Reach.MACHINE) == found


def test_a_peer_id_is_a_hash_or_a_key() -> None:
    key = ID.from_pubkey(create_new_key_pair().public_key)
    assert id_of(key.to_bytes()) == key
    assert id_of(peer(7).to_bytes()) == peer(7)
    for junk in (b"", b"\x00", b"\x00\x00", b"\x12\x20" + b"x" * 31, b"\x00\xc8" + b"x" * 200):
        assert id_of(junk) is None


def test_a_table_keeps_those_who_answer_and_finds_the_nearest() -> None:
    table = Table(peer(0))
    for n in range(5_000):
        table.add(peer(n), HERE)
    assert 20 < len(table) <= 320
    first = table.nearest(peer(0).to_bytes())
    assert peer(0) not in first
    target = number(peer(9_999).to_bytes())
    near = [number(p.to_bytes()) ^ target for p in table.nearest(peer(9_999).to_bytes())]
    assert near == sorted(near)
    assert len(near) == 20
    gone = next(iter(first))
    table.remove(gone)
    assert gone not in table.nearest(peer(0).to_bytes())


def test_peers_of_the_table_are_asked_before_nearer_ones_that_were_only_named() -> None:
    key = peer(0).to_bytes()
    ranked = sorted(map(peer, range(1, 100)), key=lambda p: number(p.to_bytes()) ^ number(key))
    invented, real = ranked[:40], ranked[40:50]

    async def asked() -> list[ID]:
        search = Search(key, peer(0), dict.fromkeys(real, HERE))
        order = []
        while (following := await search.next()) is not None:
            order.append(following)
            if following in real:
                search.answered(following, dict.fromkeys([peer(0), *invented], HERE))
            else:
                search.failed(following)
        assert list(search.nearest_answered) == real
        return order

    order = trio.run(asked)
    assert order[: len(real)] == real
    assert order[len(real) :] == invented


def test_a_search_ends_though_others_are_named_for_ever() -> None:
    async def asked() -> int:
        search, number = Search(b"key", peer(0), {peer(1): HERE}), 1
        while (following := await search.next()) is not None:
            number += 1
            search.answered(following, {peer(number): HERE})
        return number

    assert trio.run(asked) <= 61


def test_providers_are_kept_for_two_days_within_bounds() -> None:
    clock = Clock()
    providers = Providers(clock)
    for n in range(600):
        providers.add(b"many", peer(n), HERE)
    assert list(providers.of(b"many")) == [peer(n) for n in range(100, 600)]
    providers.add(b"many", peer(100), HERE)
    assert list(providers.of(b"many"))[-1] == peer(100)
    for n in range(20_000):
        providers.add(b"key %d" % n, peer(1), HERE)
    assert len(providers) == 10_000
    assert providers.of(b"many") == providers.of(b"key 0") == {}
    clock.now += 2 * DAY_S
    assert providers.of(b"key 19999") == {}
    assert len(providers) == 9_999


def test_values_are_kept_for_two_days_within_bounds() -> None:
    clock = Clock()
    values = Values(clock)
    for n in range(1_000):
        values.put(b"/x/%d" % n, bytes([n % 256]) * LARGEST_VALUE)
    kept = [n for n in range(1_000) if values.get(b"/x/%d" % n)]
    assert kept == list(range(1_000 - len(kept), 1_000))
    assert 200 < len(kept) < 256
    values.put(b"/x/999", b"new")
    assert values.get(b"/x/999") == b"new"
    clock.now += 2 * DAY_S
    assert values.get(b"/x/999") is None


async def test_values_need_a_namespace_and_a_key_under_it() -> None:
    async with connect(dht_prefix="/nunet") as bus:
        with pytest.raises(ConfigError, match="key"):
            await bus.transport.put_value("/dms-test/x", b"x")
    async with connect() as bus:
        with pytest.raises(ConfigError, match="custom_namespace: is not set"):
            await bus.transport.get_value("/dms-test/x")
    async with connect(custom_namespace="dms-test") as bus:
        for key in ("x", "/dms-test/", "/dms-testing/x", "/dms-test/" + "x" * 128):
            with pytest.raises(ConfigError, match="is not /dms-test/<name>"):
                await bus.transport.put_value(key, b"x")
        for value in (b"", b"x" * (LARGEST_VALUE + 1)):
            with pytest.raises(ConfigError, match="value: must have 1 to 65536 bytes"):
                await bus.transport.put_value("/dms-test/x", value)
        assert await bus.transport.put_value("/dms-test/x", b"x") == 0
        assert await bus.transport.get_value("/dms-test/x") == b"x"
