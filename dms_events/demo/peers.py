"""Peer ids as libp2p writes those of Ed25519 keys."""

from __future__ import annotations

from random import Random

__all__ = ["base58", "peer_id"]

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
# A multihash (identity, 36 bytes) around the protobuf of a public key (type Ed25519, 32 bytes).
_PREFIX = bytes.fromhex("002408011220")


def base58(data: bytes) -> str:
    """Bytes in base58btc."""
    digits = []
    number = int.from_bytes(data)
    while number:
        number, digit = divmod(number, 58)
        digits.append(_ALPHABET[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return _ALPHABET[0] * zeros + "".join(reversed(digits))


def peer_id(rng: Random) -> str:
    """A well-formed peer id, ``12D3KooW…``, whose 32 key bytes come from ``rng``."""
    return base58(_PREFIX + rng.randbytes(32))
