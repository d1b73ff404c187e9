"""Chooses from the messages that pubsub accepted those that the event loop gets. On the trio side."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from dms_events.envelope import Envelope
from dms_events.identity import parse_rfc3339

from ..settings import NodeSettings

__all__ = ["Arrivals", "Arrived"]

_MOST_NAMES = 10_000


class Arrived(NamedTuple):
    """A message whose signature was checked."""

    topic: str
    signer: str
    seqno: int
    data: bytes
    arrived_ns: int
    identity: int | None
    """A hash of (signer, ID), since an ID may be as long as a message. Python salts the hash, so nobody
    can aim at one. None without an ID."""
    possibly_replayed: bool

    @property
    def size(self) -> int:
        """Bytes of the parts that the publisher chose: topic and data."""
        return len(self.topic) + len(self.data)


class Arrivals:
    """Hands messages to ``take``, but not own messages (unless asked for) and too old messages."""

    def __init__(self, settings: NodeSettings, take: Callable[[Arrived], None]) -> None:
        self._settings = settings
        self._take = take
        self._names: dict[Any, str] = {}
        self.too_old = 0

    def accept(
        self, message: Any, signer: Any, envelope: Envelope | None, possibly_replayed: bool
    ) -> None:
        """Take a message with a valid signature. Without an envelope it is junk; its readers count it."""
        name = self._name(signer)
        if name == self._settings.peer_id and not self._settings.own_messages:
            return
        if envelope and self._is_too_old(envelope.time):
            self.too_old += 1
            return
        self._take(
            Arrived(
                message.topicIDs[0],
                name,
                int.from_bytes(message.seqno, "big"),
                message.data,
                time.time_ns(),
                hash((name, envelope.id)) if envelope and envelope.id else None,
                possibly_replayed,
            )
        )

    def _name(self, signer: Any) -> str:
        if (name := self._names.get(signer)) is None:
            if len(self._names) >= _MOST_NAMES:
                self._names.clear()
            name = self._names[signer] = str(signer)
        return name

    def _is_too_old(self, text: str) -> bool:
        """True if a time is older than the limit. False without a limit or without a readable time."""
        if not self._settings.max_age_s or not text:
            return False
        try:
            sent = parse_rfc3339(text)
        except ValueError:
            return False
        return (datetime.now(UTC) - sent).total_seconds() > self._settings.max_age_s
