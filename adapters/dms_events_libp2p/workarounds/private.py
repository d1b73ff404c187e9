"""A private network as Go has it: XSalsa20 under a key that all its nodes share."""

from __future__ import annotations

import os
import struct
from typing import Any, Final

from Crypto.Cipher import Salsa20
from libp2p.io.utils import read_exactly
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.security.exceptions import HandshakeFailure

__all__ = ["FIRST_BYTES", "ProtectedConnection"]

FIRST_BYTES: Final = b"\x13/multistream/1.0.0\n"
"""Both sides of a libp2p connection begin with these bytes."""

_NONCE_BYTES: Final = 24
_HALF: Final = 16
"""Bytes of the nonce that go into the key. The other bytes are the nonce of Salsa20."""
_CONSTANTS: Final = struct.unpack("<4I", b"expand 32-byte k")
_QUARTERS: Final = (
    *((0, 4, 8, 12), (5, 9, 13, 1), (10, 14, 2, 6), (15, 3, 7, 11)),
    *((0, 1, 2, 3), (5, 6, 7, 4), (10, 11, 8, 9), (15, 12, 13, 14)),
)
_DOUBLE_ROUNDS: Final = 10
_WORDS_OF_KEY: Final = (0, 5, 10, 15, 6, 7, 8, 9)
_MASK: Final = 0xFFFFFFFF


class ProtectedConnection(RawConnection):
    """A connection under a swarm key. py-libp2p's own (Salsa20, a nonce of 8 bytes) is not Go's."""

    def __init__(self, connection: Any, key: bytes) -> None:
        super().__init__(connection, connection.is_initiator)
        self._key = key
        self._seal: Any = None
        self._open: Any = None

    async def write(self, data: bytes) -> None:
        nonce = b""
        if self._seal is None:
            nonce = os.urandom(_NONCE_BYTES)
            self._seal = _xsalsa20(self._key, nonce)
        await super().write(nonce + self._seal.encrypt(data))

    async def read(self, n: int | None = None) -> bytes:
        if self._open is None:
            self._open = _xsalsa20(self._key, await self._nonce())
        return bytes(self._open.decrypt(await super().read(n)))

    async def _nonce(self) -> bytes:
        nonce = await read_exactly(self.stream, len(FIRST_BYTES))
        if nonce == FIRST_BYTES:  # a peer may send no more before it gets an answer
            raise HandshakeFailure("the peer has no swarm key")
        return bytes(nonce + await read_exactly(self.stream, _NONCE_BYTES - len(nonce)))


def _xsalsa20(key: bytes, nonce: bytes) -> Any:
    return Salsa20.new(key=_hsalsa20(key, nonce[:_HALF]), nonce=nonce[_HALF:])


def _hsalsa20(key: bytes, nonce: bytes) -> bytes:
    """Return the key of XSalsa20's second step: the rounds of Salsa20 without the last addition."""
    k, n = struct.unpack("<8I", key), struct.unpack("<4I", nonce)
    c = _CONSTANTS
    x = [c[0], *k[:4], c[1], *n, c[2], *k[4:], c[3]]
    for _ in range(_DOUBLE_ROUNDS):
        for a, b, c_, d in _QUARTERS:
            for to, left, right, by in (
                (b, a, d, 7),
                (c_, b, a, 9),
                (d, c_, b, 13),
                (a, d, c_, 18),
            ):
                total = (x[left] + x[right]) & _MASK
                x[to] ^= ((total << by) | (total >> (32 - by))) & _MASK
    return struct.pack("<8I", *(x[word] for word in _WORDS_OF_KEY))
