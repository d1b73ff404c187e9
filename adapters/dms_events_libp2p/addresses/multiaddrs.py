"""Reads URLs and multiaddrs as the TCP addresses that this adapter listens on and dials."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import urlsplit

from multiaddr import Multiaddr

from dms_events.errors import ConfigError
from dms_events.types.network_config import Multiaddr as CheckedMultiaddr

from ..keys import in_base58

__all__ = [
    "DNSADDR",
    "announced_addresses",
    "bootstrap_peers",
    "dialled",
    "has_name",
    "listen_addresses",
    "multiaddr_of",
    "of_url",
    "peers_of",
    "resolved",
    "target_of",
]

_DIALLED = re.compile(r"/(ip4|ip6|dns|dns4|dns6)/([^/]+)/tcp/(\d+)/p2p/([^/]+)/?")
_LISTENED = re.compile(r"/(ip4|ip6)/([^/]+)/tcp/(\d+)/?")
_ANNOUNCED = re.compile(r"/(ip4|ip6|dns|dns4|dns6)/([^/]+)/tcp/(\d+)/?")
DNSADDR = re.compile(r"/dnsaddr/([^/]+)(?:/p2p/([^/]+))?/?")
"""A name, and the peer id if only one peer of that name is meant."""
_EXAMPLE = "/ip4/203.0.113.7/tcp/4001/p2p/12D3KooW…"
_QUIC = (
    "QUIC is not supported: with py-libp2p 0.8.1 half of the streams that Python opens are reset; "
    "use TCP"
)


def of_url(url: str) -> str:
    """Return the multiaddr to listen on for ``libp2p://HOST:PORT``.

    Raises:
        ConfigError: the URL has no host or no port, or the host has no address.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or port is None or parts.path or parts.query or parts.fragment or "@" in url:
        reason = "write libp2p://HOST:PORT, on which this node listens; port 0 takes any free port"
        raise ConfigError("url", reason)
    try:
        [found, *_] = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError("url", f"{host!r} has no address: {error.strerror}") from error
    return multiaddr_of(str(found[4][0]), port)


def multiaddr_of(host: str, port: int) -> str:
    """Return the multiaddr of an IP address and a TCP port."""
    ip = ipaddress.ip_address(host)
    return f"/ip{ip.version}/{ip}/tcp/{port}"


def listen_addresses(texts: Iterable[str]) -> list[str]:
    """Check the multiaddrs to listen on, and return them.

    Raises:
        ConfigError: a text is no multiaddr of TCP.
    """
    return [_matched("listen_address", _LISTENED, text, "/ip4/0.0.0.0/tcp/4001") for text in texts]


def announced_addresses(texts: Iterable[str]) -> list[str]:
    """Check the multiaddrs to tell to others, and return them.

    Raises:
        ConfigError: a text is no multiaddr of TCP.
    """
    return [_matched("announce", _ANNOUNCED, text, "/dns4/node.example/tcp/4001") for text in texts]


def bootstrap_peers(texts: Iterable[str | None]) -> tuple[dict[str, list[str]], list[str]]:
    """Return the addresses of each peer, by peer id, and the ``/dnsaddr`` texts, not resolved yet.

    Raises:
        ConfigError: a text is no multiaddr of TCP, or names no peer.
    """
    given = [text for text in texts if text is not None]  # Go's nil
    names = [text for text in given if DNSADDR.fullmatch(text)]
    for text in names:
        _matched("bootstrap_peers", DNSADDR, text, "/dnsaddr/node.example")
    return peers_of(text for text in given if text not in names), names


def peers_of(texts: Iterable[str], setting: str = "bootstrap_peers") -> dict[str, list[str]]:
    """Return the addresses of each peer, by peer id.

    Raises:
        ConfigError: a text is no multiaddr of TCP, or names no peer.
    """
    peers: dict[str, list[str]] = {}
    for text in texts:
        peer, checked = _peer_at(_matched(setting, _DIALLED, text, _EXAMPLE))
        peers.setdefault(peer, []).append(checked)
    return peers


def dialled(text: str) -> tuple[str, str] | None:
    """Return the peer id and the address of a multiaddr that can be dialled here. None for any other."""
    try:
        CheckedMultiaddr(text)
        return _peer_at(text) if _DIALLED.fullmatch(text) else None
    except ValueError:
        return None


def _peer_at(text: str) -> tuple[str, str]:
    peer = text.rstrip("/").rpartition("/")[2]
    return in_base58(peer), text


def target_of(text: str, setting: str = "peer") -> tuple[str, list[str]]:
    """Return the peer id in a text, and its addresses: none for an id alone, one for a multiaddr.

    Raises:
        ConfigError: the text is neither an id nor a multiaddr of a peer.
    """
    if text.startswith("/"):
        [(peer, addresses)] = peers_of([text], setting).items()
        return peer, addresses
    try:
        return in_base58(text), []
    except Exception as error:
        reason = f"{text!r} is neither a peer id nor a multiaddr such as {_EXAMPLE}"
        raise ConfigError(setting, reason) from error


def _matched(setting: str, form: re.Pattern[str], text: str, example: str) -> str:
    try:
        CheckedMultiaddr(text)
    except ValueError as error:
        raise ConfigError(setting, str(error)) from None
    if "/quic" in text:
        raise ConfigError(setting, f"{text}: {_QUIC}")
    if not form.fullmatch(text):
        raise ConfigError(setting, f"{text} is not a TCP address such as {example}")
    return text


def has_name(text: str) -> bool:
    """True if a peer's multiaddr has a name in place of an IP address."""
    return text.startswith("/dns")


def resolved(text: str) -> list[Multiaddr]:
    """Return the IP addresses of a peer's multiaddr. Asks the hosts file and DNS, and may block.

    py-libp2p asks DNS servers only, which do not know ``localhost``.

    Raises:
        OSError: the name has no address now.
    """
    found = _DIALLED.fullmatch(text)
    assert found is not None
    kind, host, port = found[1], found[2], int(found[3])
    if not has_name(text):
        return [Multiaddr(f"/{kind}/{host}/tcp/{port}")]
    families = {"dns4": socket.AF_INET, "dns6": socket.AF_INET6}
    family = families.get(kind, socket.AF_UNSPEC)
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    return [Multiaddr(multiaddr_of(str(info[4][0]), port)) for info in infos]
