"""The access list of a node: the peers and addresses that may be connected."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import NamedTuple

from dms_events.errors import ConfigError
from dms_events.types.network_config import Multiaddr

from ..keys import in_base58

__all__ = ["AccessList", "Ip", "ip_of", "place_of"]

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_FORM = re.compile(
    r"(?:/ip[46]/(?P<ip>[^/]+)(?:/ipcidr/(?P<bits>\d+))?(?:/tcp/\d+)?)?(?:/p2p/(?P<peer>[^/]+))?/?"
)
_BITS_OF_A_HOST = 64
_EXAMPLES = (
    "10.0.0.0/8, 12D3KooW…, /ip4/10.0.0.0/ipcidr/8, /p2p/12D3KooW… or /ip4/10.1.2.3/p2p/12D3KooW…"
)


class _Entry(NamedTuple):
    network: Network | None
    peer: str | None

    def permits(self, peer: str | None, ip: Ip | None) -> bool:
        return (self.network is None or ip is None or ip in self.network) and (
            self.peer is None or peer is None or peer == self.peer
        )


class AccessList:
    """A list of entries. A connection needs one entry that fits; an empty list permits all connections.

    An entry is an IP address, a network (CIDR), a peer id, or a multiaddr of them. If an entry has an
    address and a peer, both must fit. A port is ignored, since a peer that dials may use any port.

    Raises:
        ConfigError: an entry has none of these forms.
    """

    def __init__(self, entries: Iterable[str | None] = ()) -> None:
        self._entries = [_parsed(entry) for entry in entries]

    def permits(self, peer: str | None, ip: Ip | None) -> bool:
        """True if a connection with this peer at this address is permitted.

        None stands for a peer or an address that is not known yet. It fits every entry.
        """
        return not self._entries or any(entry.permits(peer, ip) for entry in self._entries)


def ip_of(text: str) -> Ip | None:
    """Return the IP address in a text, or None. ``::ffff:192.0.2.1`` becomes ``192.0.2.1``."""
    try:
        ip = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def place_of(address: str) -> str:
    """Return the key that an address is counted by. For IPv6 it is the network of 64 bits, since one host
    may have all addresses of it."""
    ip = ip_of(address)
    if ip is None or ip.version == 4:
        return str(ip or address)
    return str(ipaddress.ip_network((ip, _BITS_OF_A_HOST), strict=False))


def _parsed(text: str | None) -> _Entry:
    entry = None
    if text is not None:
        entry = _of_multiaddr(text) if text.startswith("/") else _of_word(text)
    if entry is None:
        raise ConfigError(
            "acl", f"{text!r} is not an IP address, a network or a peer id; write {_EXAMPLES}"
        )
    return entry


def _of_word(text: str) -> _Entry | None:
    if (network := _network(text)) is not None:
        return _Entry(network, None)
    peer = _peer(text)
    return _Entry(None, peer) if peer else None


def _of_multiaddr(text: str) -> _Entry | None:
    try:
        Multiaddr(text)
    except ValueError:
        return None
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    network = peer = None
    if found["ip"] is not None:
        network = _network(found["ip"] + (f"/{found['bits']}" if found["bits"] else ""))
        if network is None:
            return None
    if found["peer"] is not None:
        peer = _peer(found["peer"])
        if peer is None:
            return None
    return _Entry(network, peer)


def _network(text: str) -> Network | None:
    address, slash, bits = text.partition("/")
    ip = ip_of(address)
    if ip is None:
        return None
    try:
        return ipaddress.ip_network(f"{ip}{slash}{bits}", strict=False)
    except ValueError:
        return None


def _peer(text: str) -> str | None:
    try:
        return in_base58(text)
    except ValueError:
        return None
