"""Peers that a node was connected to, with their addresses; kept over restarts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import msgspec
from libp2p.peer.id import ID

from ..addresses import MOST_ENDPOINTS, Endpoint
from .folder import StateDir

__all__ = ["KnownPeers"]

_log = logging.getLogger("dms_events")
_FILE = "peers.json"
_MOST = 256
_FORGET_S = 14 * 86_400
_GRAIN_S = 3_600
"""The file does not change more often than this for a peer that stays connected."""


class _Entry(msgspec.Struct):
    peer: str
    addresses: list[str]
    dialled: bool
    """True if this node has dialled it once."""
    seen: float
    """When the peer was last connected, in Unix seconds, rounded down to the hour."""


class KnownPeers:
    """Remembers at most 256 peers, for two weeks after they were last connected.

    If there are more, peers that this node has dialled are kept before peers that only named their
    addresses. So a stranger with many keys does not drive out peers that can be reached.
    """

    def __init__(self, state: StateDir | None, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock
        self._entries = {entry.peer: entry for entry in self._kept()}
        self._written = self._as_bytes()

    def __len__(self) -> int:
        return len(self._entries)

    def note(self, peer: ID, endpoints: list[Endpoint], *, dialled: bool = False) -> None:
        """Note that a peer is connected. ``dialled`` says that its endpoints led to it."""
        name = str(peer)
        entry = self._entries.pop(name, None) or _Entry(name, [], False, 0.0)
        addresses = dict.fromkeys([*map(str, endpoints), *entry.addresses])
        entry.addresses = list(addresses)[:MOST_ENDPOINTS]
        entry.dialled |= dialled
        entry.seen = self._clock() // _GRAIN_S * _GRAIN_S
        if not entry.addresses:
            return
        if len(self._entries) >= _MOST:
            worst = min(self._entries.values(), key=lambda other: (other.dialled, other.seen))
            if worst.dialled and not entry.dialled:
                return
            del self._entries[worst.peer]
        self._entries[name] = entry

    def found(self) -> dict[ID, list[Endpoint]]:
        """Return the peers: dialled ones first, and of equals the one seen last first."""
        self._forget()
        ranked = sorted(self._entries.values(), key=lambda e: (e.dialled, e.seen), reverse=True)
        return {
            ID.from_string(entry.peer): [Endpoint.of(text) for text in entry.addresses]
            for entry in ranked
        }

    def keep(self) -> None:
        """Write the peers to the file, if they changed.

        Raises:
            OSError: the file cannot be written.
        """
        self._forget()
        data = self._as_bytes()
        if self._state is not None and data != self._written:
            self._state.write(_FILE, data)
            self._written = data

    def _forget(self) -> None:
        oldest = self._clock() - _FORGET_S
        for entry in [e for e in self._entries.values() if e.seen < oldest]:
            del self._entries[entry.peer]

    def _kept(self) -> list[_Entry]:
        data = self._state.read(_FILE) if self._state else b""
        if not data:
            return []
        try:
            entries = msgspec.json.decode(data, type=list[_Entry])[:_MOST]
            for entry in entries:
                ID.from_string(entry.peer)
                entry.addresses = [str(Endpoint.of(a)) for a in entry.addresses[:MOST_ENDPOINTS]]
                entry.seen = min(entry.seen, self._clock())
        except ValueError as error:  # msgspec's own is one too
            _log.warning(
                "the known peers in the state folder cannot be read; their list starts empty: %s",
                error,
            )
            return []
        return entries

    def _as_bytes(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(list(self._entries.values()))) + b"\n"
