"""Addresses of nodes: as they are written, listened on, announced, permitted and resolved."""

from .acl import AccessList, Ip, ip_of, place_of
from .announcing import Announced
from .dnsaddr import peers_at
from .endpoints import MOST_ENDPOINTS, Endpoint, Reach, named_by, reach_of
from .multiaddrs import (
    announced_addresses,
    bootstrap_peers,
    has_name,
    listen_addresses,
    multiaddr_of,
    of_url,
    resolved,
    target_of,
)

__all__ = [
    "MOST_ENDPOINTS",
    "AccessList",
    "Announced",
    "Endpoint",
    "Ip",
    "Reach",
    "announced_addresses",
    "bootstrap_peers",
    "has_name",
    "ip_of",
    "listen_addresses",
    "multiaddr_of",
    "named_by",
    "of_url",
    "peers_at",
    "place_of",
    "reach_of",
    "resolved",
    "target_of",
]
