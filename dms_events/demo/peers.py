"""Peer ids of Ed25519 keys, as libp2p writes them."""

from __future__ import annotations

from random import Random

__all__ = ["base58", "peer_id"]

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# A multihash (identity, 36 bytes) around the protobuf of a public key (type Ed25519, 32 bytes).
_PREFIX = bytes.fromhex("002408011220")


def base58(data: bytes) -> str:
    """Return the bytes in base58btc."""
    digits = []
    number = int.from_bytes(data)
    while number:
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return _ALPHABET[0] * zeros + "".join(reversed(digits))


def peer_id(rng: Random) -> str:
    """Return a well-formed peer id, ``12D3KooW…``; its 32 key bytes come from ``rng``."""
    return base58(_PREFIX + rng.randbytes(32))
