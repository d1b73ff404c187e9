"""The access list: who is not on it is neither let in nor dialled, by address and by peer id."""

from __future__ import annotations

from base64 import b32encode

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID

import dms_events
from dms_events import ConfigError
from dms_events.types.elk_stats import ServiceCall
from dms_events.types.network_config import (
    Multiaddr,
    NetworkConfig,
    NetworkType,
    PrivateNetworkConfig,
)
from dms_events_libp2p.addresses.acl import AccessList, ip_of
from tests.kit.libp2p.buses import connect, eventually, hears
from tests.kit.libp2p.hostile import get_in

# The same in each worker of the tests, since they are in the names of the tests.
PAIR = create_new_key_pair(bytes(32))
PEER = str(ID.from_pubkey(PAIR.public_key))
CID = "b" + b32encode(b"\x01\x72" + ID.from_base58(PEER).to_bytes()).decode().lower().rstrip("=")
OTHER = str(ID.from_pubkey(create_new_key_pair(b"other".ljust(32)).public_key))


@pytest.mark.parametrize(
    ("entries", "peer", "address", "permitted"),
    [
        ([], PEER, "192.0.2.1", True),
        (["192.0.2.1"], PEER, "192.0.2.1", True),
        (["192.0.2.1"], PEER, "::ffff:192.0.2.1", True),
        (["192.0.2.1"], PEER, "192.0.2.2", False),
        (["192.0.2.0/24"], PEER, "192.0.2.77", True),
        (["192.0.2.7/24"], PEER, "192.0.2.77", True),
        (["192.0.2.0/24"], PEER, "192.0.3.1", False),
        (["2001:db8::/32"], PEER, "2001:db8::1", True),
        (["2001:db8::/32"], PEER, "192.0.2.1", False),
        (["fe80::1"], PEER, "fe80::1%eth0", True),
        (["/ip4/192.0.2.1"], PEER, "192.0.2.1", True),
        (["/ip4/192.0.2.1/tcp/4001"], PEER, "192.0.2.1", True),
        (["/ip4/192.0.2.0/ipcidr/24"], PEER, "192.0.2.77", True),
        (["/ip6/2001:db8::/ipcidr/32"], PEER, "2001:db9::1", False),
        ([PEER], PEER, "192.0.2.1", True),
        ([PEER], OTHER, "192.0.2.1", False),
        ([f"/p2p/{PEER}"], PEER, "192.0.2.1", True),
        ([f"/ip4/192.0.2.1/tcp/4001/p2p/{PEER}"], PEER, "192.0.2.1", True),
        ([f"/ip4/192.0.2.1/p2p/{PEER}"], PEER, "192.0.2.2", False),
        ([f"/ip4/192.0.2.1/p2p/{PEER}"], OTHER, "192.0.2.1", False),
        ([f"/ip4/192.0.2.1/p2p/{PEER}", OTHER], OTHER, "192.0.2.9", True),
        ([CID], PEER, "192.0.2.1", True),
        ([CID], OTHER, "192.0.2.1", False),
        ([f"/p2p/{CID}"], OTHER, "192.0.2.1", False),
        ([f"/ip4/192.0.2.1/p2p/{CID}"], PEER, "192.0.2.1", True),
        ([f"/ip4/192.0.2.1/p2p/{CID}"], OTHER, "192.0.2.1", False),
        ([f"/ip4/192.0.2.1/p2p/{PEER}"], None, "192.0.2.1", True),
        ([f"/ip4/192.0.2.1/p2p/{PEER}"], None, "192.0.2.2", False),
        ([f"/ip4/192.0.2.1/p2p/{PEER}"], PEER, None, True),
        ([f"/ip4/192.0.2.1/p2p/{PEER}"], OTHER, None, False),
    ],
)
def test_one_entry_has_to_fit_in_full(
    entries: list[str], peer: str | None, address: str | None, permitted: bool
) -> None:
    ip = ip_of(address) if address else None
    assert AccessList(entries).permits(peer, ip) is permitted


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "host.example",
        "192.0.2.1/33",
        "192.0.2.256",
        "/ip4/192.0.2.1/ipcidr/33",
        "/ip4/192.0.2.1/udp/4001/quic-v1",
        "/dns4/host.example/tcp/4001",
        "/p2p/no-peer",
        "12D3KooWshort",
        "bafzaajaiaejcbpltl72da5f3y7ojrtsa7hsfn5bbnkjbkwyesziqqtdry6vjil",
        "/p2p/bafzaajaiaejcbpltl72da5f3y7ojrtsa7hsfn5bbnkjbkwyesziqqtdry6vjil",
        "/ip4/192.0.2.1/p2p/12D3KooWshort",
        "/",
        "192.0.2.1\n",
        None,
    ],
)
def test_an_entry_that_is_none_is_refused_and_not_left_out(entry: str | None) -> None:
    with pytest.raises(
        ConfigError, match="is not an IP address, a network or a peer id; write"
    ) as caught:
        AccessList([PEER, entry])
    assert caught.value.setting == "acl"


async def test_an_address_that_is_not_permitted_is_not_let_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connect(acl=["192.0.2.0/24", f"/ip4/192.0.2.1/p2p/{PEER}"]) as bus:
        [address] = bus.transport.addresses
        assert await get_in(address, pair=PAIR) == 0
        assert bus.transport.figures.refused >= 1
    assert "the last one from 127.0.0.1: the ACL does not permit it" in caplog.text


async def test_a_peer_that_is_not_permitted_is_not_let_in(caplog: pytest.LogCaptureFixture) -> None:
    async with connect(acl=[f"/ip4/127.0.0.1/p2p/{PEER}"]) as bus:
        [address] = bus.transport.addresses
        assert await get_in(address) == 0
        assert bus.transport.figures.refused >= 1
        assert await get_in(address, pair=PAIR) == 1
    assert "127.0.0.1: the ACL does not permit peer 12D3KooW" in caplog.text


async def test_rules_for_addresses_hold_for_ipv6_too() -> None:
    async with connect(url="libp2p://[::1]:0", acl=["127.0.0.1", "192.0.2.1"]) as bus:
        assert await get_in(bus.transport.addresses[0]) == 0
        assert bus.transport.figures.refused >= 1
    async with connect(url="libp2p://[::1]:0", acl=["::1"], connections_per_address=2) as bus:
        assert await get_in(bus.transport.addresses[0], 4) == 2


@pytest.mark.parametrize("entry", ["192.0.2.1", OTHER], ids=["address", "peer"])
async def test_a_peer_that_is_not_permitted_is_not_dialled(
    entry: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect() as other, connect(other, acl=[entry]) as bus:
        await eventually(lambda: bus.transport.figures.not_dialled >= 2)
        assert not bus.transport.peers
        assert other.transport.figures.refused == 0
    assert (
        f"peer {other.transport.peer_id} cannot be reached yet, and is dialled again: "
        in caplog.text
    )


async def test_the_acl_of_a_configuration_permits_whom_it_names() -> None:
    async with connect() as friend, connect() as stranger:
        config = NetworkConfig(
            type=NetworkType.LIBP2P,
            listen_address=["/ip4/127.0.0.1/tcp/0"],
            private_network=PrivateNetworkConfig(
                acl=[Multiaddr(f"/p2p/{friend.transport.peer_id}")]
            ),
        )
        peers = [*friend.transport.addresses, *stranger.transport.addresses]
        async with (
            dms_events.connect(config, bootstrap_peers=peers) as bus,
            friend.subscribe(ServiceCall),
        ):
            await hears(bus, friend)
            await eventually(lambda: bus.transport.figures.not_dialled >= 1)
            assert [peer.peer_id for peer in bus.transport.peers] == [friend.transport.peer_id]
