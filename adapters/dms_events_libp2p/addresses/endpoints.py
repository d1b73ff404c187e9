"""TCP endpoints of peers: reads those that others name, and tells how far they reach."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from multiaddr import Multiaddr

__all__ = ["MOST_ENDPOINTS", "Endpoint", "Reach", "named_by"]

MOST_ENDPOINTS = 8
"""How many endpoints of one peer are kept."""
_MOST_READ = 32
_IP4, _TCP, _IP6 = b"\x04", b"\x06", b"\x29"
_P2P = b"\xa5\x03"


class Reach(IntEnum):
    """From how far an address can be reached."""

    MACHINE = 0
    NETWORK = 1
    INTERNET = 2


class Endpoint(NamedTuple):
    """An IP address and a TCP port."""

    ip: IPv4Address | IPv6Address
    port: int

    @classmethod
    def read(cls, raw: bytes) -> Endpoint | None:
        """Read a binary multiaddr of TCP over IP, with or without a peer id. None for any other.

        None also for an address that cannot be dialled (port 0, unspecified, multicast).
        """
        size = {_IP4: 4, _IP6: 16}.get(raw[:1])
        if size is None or raw[1 + size : 2 + size] != _TCP or len(raw) < 4 + size:
            return None
        rest = raw[4 + size :]
        if rest and not rest.startswith(_P2P):
            return None
        ip = ip_address(raw[1 : 1 + size])
        port = int.from_bytes(raw[2 + size : 4 + size], "big")
        if not port or ip.is_unspecified or ip.is_multicast:
            return None
        return cls(ip, port)

    @classmethod
    def of(cls, text: str) -> Endpoint:
        """Read the text that `str` made of an endpoint.

        Raises:
            ValueError: the text is no endpoint.
        """
        start, kind, ip, transport, port = text.split("/")
        made = cls(ip_address(ip), int(port))
        if (
            start
            or kind != f"ip{made.ip.version}"
            or transport != "tcp"
            or not 0 < made.port < 2**16
        ):
            raise ValueError(f"{text!r} is no TCP endpoint")
        return made

    def __str__(self) -> str:
        return f"/ip{self.ip.version}/{self.ip}/tcp/{self.port}"

    def to_bytes(self) -> bytes:
        """The binary multiaddr."""
        kind = _IP4 if self.ip.version == 4 else _IP6
        return kind + self.ip.packed + _TCP + self.port.to_bytes(2, "big")

    @property
    def multiaddr(self) -> Multiaddr:
        return Multiaddr(str(self))

    @property
    def reach(self) -> Reach:
        return reach_of(self.ip)


def reach_of(ip: IPv4Address | IPv6Address) -> Reach:
    """Return how far an IP address reaches."""
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_loopback:
        return Reach.MACHINE
    return Reach.INTERNET if ip.is_global else Reach.NETWORK


def named_by(raw: Iterable[bytes], teller: Reach) -> list[Endpoint]:
    """Return the endpoints among the addresses that a peer names, at most `MOST_ENDPOINTS`.

    An address that reaches less far than the ``teller`` is left out. So a peer on the internet cannot
    make this node dial this machine or this network.
    """
    found: dict[Endpoint, None] = {}
    for _, address in zip(range(_MOST_READ), raw, strict=False):
        endpoint = Endpoint.read(address)
        if endpoint is not None and endpoint.reach >= teller:
            found[endpoint] = None
        if len(found) == MOST_ENDPOINTS:
            break
    return list(found)
