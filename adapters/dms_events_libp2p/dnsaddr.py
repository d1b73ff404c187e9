"""``/dnsaddr/<name>``: the peers that the TXT records of ``_dnsaddr.<name>`` name."""

from __future__ import annotations

import time

import dns.exception
import dns.resolver
from libp2p.peer.id import ID

from .addresses import DNSADDR, dialled

__all__ = ["MOST_PEERS", "peers_at"]

MOST_PEERS = 16
"""Of one name; more are left out."""
_MOST_ADDRESSES = 8
_MOST_NAMES = 16
_MOST_DEPTH = 4
_WITHIN_S = 10.0
_RECORD = b"dnsaddr="


def peers_at(text: str) -> dict[str, list[str]]:
    """The addresses of each peer, by peer id. It asks DNS servers, for ten seconds at most.

    A record may be another ``/dnsaddr``, up to four names deep; at most 16 names are asked for. Records
    of other kinds are passed over.

    Raises:
        OSError: the first name cannot be resolved now.
    """
    deadline = time.monotonic() + _WITHIN_S
    peers: dict[str, list[str]] = {}
    asked: set[str] = set()
    waiting = [(text, "", 0)]
    while waiting and len(asked) < _MOST_NAMES:
        address, wanted, depth = waiting.pop(0)
        found = DNSADDR.fullmatch(address)
        assert found is not None
        name, peer = found[1], found[2] or wanted
        if name in asked:
            continue
        asked.add(name)
        try:
            records = _records(name, deadline - time.monotonic())
        except dns.exception.DNSException as error:
            if depth == 0:
                raise OSError(f"_dnsaddr.{name}: {error}") from error
            continue
        for record in records:
            if record.startswith("/dnsaddr/"):
                if DNSADDR.fullmatch(record) and depth + 1 < _MOST_DEPTH:
                    waiting.append((record, peer, depth + 1))
            else:
                _take(record, peer, peers)
    return peers


def _take(record: str, wanted: str, peers: dict[str, list[str]]) -> None:
    found = dialled(record)
    if found is None or (wanted and ID.from_string(wanted).to_base58() != found[0]):
        return
    peer, address = found
    if peer not in peers and len(peers) >= MOST_PEERS:
        return
    addresses = peers.setdefault(peer, [])
    if address not in addresses and len(addresses) < _MOST_ADDRESSES:
        addresses.append(address)


def _records(name: str, within_s: float) -> list[str]:
    answer = dns.resolver.resolve(f"_dnsaddr.{name}", "TXT", lifetime=max(within_s, 0.0))
    texts = [b"".join(record.strings) for record in answer]
    return [
        text.removeprefix(_RECORD).decode("utf-8", "replace")
        for text in texts
        if text.startswith(_RECORD)
    ]
