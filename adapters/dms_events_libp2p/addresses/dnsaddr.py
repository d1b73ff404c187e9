"""``/dnsaddr/<name>``: the peers that the TXT records of ``_dnsaddr.<name>`` name."""

from __future__ import annotations

import time

import dns.exception
import dns.resolver

from ..keys import in_base58
from .multiaddrs import DNSADDR, dialled

__all__ = ["peers_at"]

_MOST_PEERS = 16
_MOST_ADDRESSES = 8
_MOST_NAMES = 16
_MOST_DEPTH = 4
_WITHIN_S = 10.0
_RECORD = b"dnsaddr="


def peers_at(text: str) -> dict[str, list[str]]:
    """Return the addresses of each peer, by peer id. Asks DNS servers, for ten seconds at most.

    A record may be another ``/dnsaddr``, up to four names deep. At most 16 names are asked for. Records
    of other kinds are skipped.

    Raises:
        OSError: the first name cannot be resolved now.
    """
    deadline = time.monotonic() + _WITHIN_S
    peers: dict[str, list[str]] = {}
    asked: set[tuple[str, str]] = set()
    waiting = [(text, "", 0)]
    while waiting:
        record, wanted, depth = waiting.pop(0)
        if (found := _name_in(record)) is None:
            _take(record, wanted, peers)
            continue
        name, peer = found[0], found[1] or wanted
        full = len(asked) == _MOST_NAMES or depth == _MOST_DEPTH
        if full or (name, peer) in asked or (wanted and peer != wanted):
            continue
        asked.add((name, peer))
        try:
            records = _records(name, deadline - time.monotonic())
        except dns.exception.DNSException as error:
            if depth == 0:
                raise OSError(f"_dnsaddr.{name}: {error}") from error
            continue
        waiting += [(each, peer, depth + 1) for each in records]
    return peers


def _name_in(record: str) -> tuple[str, str] | None:
    """Return the name in a ``/dnsaddr``, and the peer id if it has one. None for other records."""
    found = DNSADDR.fullmatch(record)
    if found is None:
        return None
    try:
        return found[1], in_base58(found[2]) if found[2] else ""
    except ValueError:
        return None


def _take(record: str, wanted: str, peers: dict[str, list[str]]) -> None:
    found = dialled(record)
    if found is None or (wanted and wanted != found[0]):
        return
    peer, address = found
    if peer not in peers and len(peers) >= _MOST_PEERS:
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
