"""A libp2p private key: an adapter can use it, but it is never shown and never written to the wire."""

from __future__ import annotations

import base64
import binascii
import enum
from typing import Final, NoReturn

__all__ = ["KeyType", "PrivateKey"]


class KeyType(enum.IntEnum):
    """The kinds of libp2p keys."""

    RSA = 0
    ED25519 = 1
    SECP256K1 = 2
    ECDSA = 3


_TYPE_TAG: Final = 0x08
_DATA_TAG: Final = 0x12


class PrivateKey:
    """A private key in libp2p's own form, which both go-libp2p and py-libp2p read.

    That form is a protobuf message of a key type and the key's bytes (``crypto.MarshalPrivateKey`` in
    Go, ``deserialize_private_key`` in Python). Go's configurations hold it as base64.
    """

    __slots__ = ("_marshalled", "raw", "type")

    def __init__(self, marshalled: bytes) -> None:
        """Take a marshalled key.

        Raises:
            ValueError: the bytes are not such a key. The error does not show them.
        """
        self.type, self.raw = _parse(bytes(marshalled))
        self._marshalled = bytes(marshalled)

    @classmethod
    def from_base64(cls, text: str) -> PrivateKey:
        """Read the base64 of a marshalled key.

        Raises:
            ValueError: the bytes are not such a key. The error does not show them.
        """
        try:
            marshalled = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            marshalled = b""
        return cls(marshalled)

    def marshal(self) -> bytes:
        """Return the key as libp2p's protobuf message."""
        return self._marshalled

    def to_base64(self) -> str:
        """Return the marshalled key as base64, the form of Go's configurations."""
        return base64.b64encode(self._marshalled).decode()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PrivateKey):
            return NotImplemented
        return self._marshalled == other._marshalled

    def __hash__(self) -> int:
        return hash(self._marshalled)

    def __repr__(self) -> str:
        return f"PrivateKey({self.type.name}, ***)"

    def __copy__(self) -> PrivateKey:
        return self

    def __deepcopy__(self, memo: object) -> PrivateKey:
        return self


def _parse(marshalled: bytes) -> tuple[KeyType, bytes]:
    """Return the key type and the key's bytes. Each length in it fits into two bytes of varint."""
    if len(marshalled) < 5 or marshalled[0] != _TYPE_TAG or marshalled[2] != _DATA_TAG:
        _refuse()
    start, length = 4, marshalled[3]
    if length & 0x80:
        start, length = 5, length & 0x7F | marshalled[4] << 7
    raw = marshalled[start:]
    if not raw or len(raw) != length or marshalled[1] not in set(KeyType):
        _refuse()
    return KeyType(marshalled[1]), raw


def _refuse() -> NoReturn:
    raise ValueError("not a marshalled libp2p private key")
