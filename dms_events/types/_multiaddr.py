"""libp2p addresses, checked as go-multiaddr 0.14 checks them."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable
from typing import Final

__all__ = ["Multiaddr"]


class Multiaddr(str):
    """A checked libp2p address such as ``/ip4/127.0.0.1/tcp/4001/p2p/12D3KooW…``. It is a str."""

    __slots__ = ()

    def __new__(cls, text: str) -> Multiaddr:
        """Check ``text``, and keep it unchanged.

        Raises:
            ValueError: the text is not a multiaddr. The error says why.
        """
        if reason := _fault(text):
            raise ValueError(f"{text[:200]!r} is not a multiaddr: {reason}")
        return super().__new__(cls, text)


def _fault(text: str) -> str | None:
    start, *rest = text.rstrip("/").split("/")
    if start:
        return "it must begin with /"
    if not rest:
        return "it is empty"
    parts = iter(rest)
    for name in parts:
        if name in _FLAGS:
            continue
        check = _VALUES.get(name)
        if check is None:
            return f"unknown protocol {name[:100]!r}"
        value = next(parts, None)
        if value is None:
            return f"{name} needs a value"
        if name == "unix":
            return None
        try:
            right = check(value)
        except ValueError:
            right = False
        if not right:
            return f"{value[:100]!r} is not a value for {name}"
    return None


def _number(limit: int) -> Callable[[str], bool]:
    return lambda text: text.isascii() and text.isdigit() and int(text[:40]) < limit


_port = _number(2**16)


def _ip4(text: str) -> bool:
    # Go takes an IPv4 address in IPv6 form too.
    address = ipaddress.ip_address(text)
    return "%" not in text and (address.version == 4 or address.ipv4_mapped is not None)


def _ip6(text: str) -> bool:
    # Go holds an IPv4 address in 16 bytes too, and knows no zone here.
    return "%" not in text and bool(ipaddress.ip_address(text))


def _onion(host_length: int) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        host, _, port = text.partition(":")
        return (
            len(host) == host_length
            and bool(base64.b32decode(host.upper()))
            and _port(port)
            and int(port) > 0
        )

    return check


def _garlic64(text: str) -> bool:
    return len(base64.b64decode(text, altchars="-~", validate=True)) >= 386


def _garlic32(text: str) -> bool:
    if text != text.lower():
        return False
    host = base64.b32decode(text.upper() + "=" * (-len(text) % 8))
    return len(host) >= 35 or len(host) == 32


def _peer_id(text: str) -> bool:
    if text.startswith(("Qm", "1")):
        return _is_peer_hash(_base58(text))
    cid = _multibase(text)
    # CIDv1 of a libp2p key: version, codec 0x72, multihash.
    return cid[:2] == b"\x01\x72" and _is_peer_hash(cid[2:])


def _is_peer_hash(multihash: bytes) -> bool:
    code, digest = _multihash(multihash)
    return code == _IDENTITY or (code == _SHA2_256 and len(digest) == 32)


def _certhash(text: str) -> bool:
    _multihash(_multibase(text))
    return True


def _http_path(text: str) -> bool:
    return bool(text) and not re.search(r"%(?![0-9A-Fa-f]{2})", text)


_IDENTITY: Final = 0x00
_SHA2_256: Final = 0x12
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LONGEST: Final = 1024


def _base58(text: str) -> bytes:
    if len(text) > _LONGEST:
        raise ValueError("too long")
    number = 0
    for letter in text:
        number = number * 58 + _BASE58.index(letter)
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8)


def _base36(text: str) -> bytes:
    if len(text) > _LONGEST:
        raise ValueError("too long")
    zeros = len(text) - len(text.lstrip("0"))
    number = int(text, 36) if text else 0
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8)


def _base32(text: str) -> bytes:
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def _base64url(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars="-_", validate=True)


_BASES: Final[dict[str, Callable[[str], bytes]]] = {
    "z": _base58,
    "b": _base32,
    "B": _base32,
    "k": _base36,
    "K": _base36,
    "f": binascii.unhexlify,
    "F": binascii.unhexlify,
    "u": _base64url,
}


def _multibase(text: str) -> bytes:
    decode = _BASES.get(text[:1])
    if decode is None:
        raise ValueError("unknown base")
    return decode(text[1:])


def _varint(data: bytes) -> tuple[int, bytes]:
    value = 0
    for n, byte in enumerate(data[:9]):
        value |= (byte & 0x7F) << 7 * n
        if byte < 0x80:
            return value, data[n + 1 :]
    raise ValueError("not a varint")


def _multihash(data: bytes) -> tuple[int, bytes]:
    code, rest = _varint(data)
    length, digest = _varint(rest)
    if length != len(digest):
        raise ValueError("the digest has another length")
    return code, digest


_FLAGS: Final = {
    *(
        "http",
        "https",
        "noise",
        "p2p-circuit",
        "p2p-webrtc-direct",
        "plaintextv2",
        "quic",
        "quic-v1",
    ),
    *("tls", "udt", "utp", "webrtc", "webrtc-direct", "webtransport", "ws", "wss"),
}
"""Protocols without a value."""

_VALUES: Final[dict[str, Callable[[str], bool]]] = {
    "ip4": _ip4,
    "ip6": _ip6,
    "ip6zone": bool,
    "ipcidr": _number(2**8),
    "tcp": _port,
    "udp": _port,
    "dccp": _port,
    "sctp": _port,
    "dns": bool,
    "dns4": bool,
    "dns6": bool,
    "dnsaddr": bool,
    "sni": bool,
    "p2p": _peer_id,
    "ipfs": _peer_id,
    "certhash": _certhash,
    "http-path": _http_path,
    "onion": _onion(16),
    "onion3": _onion(56),
    "garlic32": _garlic32,
    "garlic64": _garlic64,
    "memory": _number(2**64),
    "unix": bool,
}
