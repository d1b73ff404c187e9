"""Messages of the DHT: written to a stream, and read with care from strangers."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

from libp2p.kad_dht.pb.kademlia_pb2 import Message
from libp2p.peer.id import ID
from libp2p.utils.varint import encode_uvarint

from ..addresses import Endpoint, Reach, named_by

__all__ = ["NEAREST", "Found", "Message", "id_of", "number", "peers_in", "put_peers", "write"]

NEAREST = 20
"""How many peers an answer and a bucket have at most: Kademlia's k."""
_SHA256 = b"\x12\x20"
_LONGEST_KEY = 64

Found = dict[ID, list[Endpoint]]
"""Peers, and the addresses that others named for them."""


def number(key: bytes) -> int:
    """Return the place of a key or a peer id as a number. The distance of two places is their XOR."""
    return int.from_bytes(sha256(key).digest(), "big")


def id_of(raw: bytes) -> ID | None:
    """Return the peer id in bytes (the hash of a key, or a short key itself). None for other bytes."""
    if len(raw) == 34 and raw.startswith(_SHA256):
        return ID(raw)
    if 2 < len(raw) <= _LONGEST_KEY and raw[0] == 0 and raw[1] == len(raw) - 2:
        return ID(raw)
    return None


def peers_in(entries: Iterable[Any], most: int, teller: Reach) -> Found:
    """Return the first ``most`` peers of an answer. Other entries are skipped."""
    found: Found = {}
    for _, entry in zip(range(most), entries, strict=False):
        peer = id_of(entry.id)
        if peer is not None:
            found[peer] = named_by(entry.addrs, teller)
    return found


def put_peers(field: Any, peers: Found) -> None:
    """Write peers into an answer."""
    for peer, endpoints in peers.items():
        field.add(id=peer.to_bytes(), addrs=[endpoint.to_bytes() for endpoint in endpoints])


async def write(stream: Any, message: Message) -> None:
    """Write a message, with its length first."""
    data = message.SerializeToString()
    await stream.write(encode_uvarint(len(data)) + data)
