"""Peer ids as text."""

from __future__ import annotations

from base64 import b32encode

import pytest
from libp2p.peer.id import ID

from dms_events_libp2p.addresses.multiaddrs import peers_of, target_of
from dms_events_libp2p.keys.node_key import new_key, peer_id
from dms_events_libp2p.keys.peer_ids import in_base58

PEER = peer_id(new_key())
RAW = ID.from_base58(PEER).to_bytes()


def cid(codec: bytes) -> str:
    return "b" + b32encode(b"\x01" + codec + RAW).decode().lower().rstrip("=")


def test_a_peer_id_is_read_in_both_forms() -> None:
    of_key = cid(b"\x72")
    assert in_base58(PEER) == in_base58(of_key) == PEER
    assert target_of(of_key) == (PEER, [])
    address = f"/ip4/192.0.2.1/tcp/4001/p2p/{of_key}"
    assert peers_of([address]) == {PEER: [address]}


@pytest.mark.parametrize(
    "text",
    ["", "x", "12D3KooWshort", "QmShort", pytest.param(PEER[:-1], id="cut"), "b", "baaaa"],
)
def test_what_is_no_peer_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a multiaddr"):
        in_base58(text)


def test_the_cid_of_something_else_is_no_peer_id() -> None:
    with pytest.raises(ValueError, match="not a multiaddr"):
        in_base58(cid(b"\x70"))
