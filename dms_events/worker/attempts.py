"""Attempts of a message: how many are spent, and the notes in which readers keep that."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from ..bus import Message
from ..errors import TransportError
from ..transport import KeyValue

__all__ = ["AttemptNotes", "AttemptRecord"]

_log = logging.getLogger("dms_events")


class AttemptRecord(msgspec.Struct, frozen=True, gc=False):
    """What is written down of a message, for the reader that gets it next."""

    spent: int
    """Attempts that it has had."""
    suspect: bool
    """It was delivered before and nobody knows why; the last attempt may have begun and not ended."""
    delivery: int
    """The broker's delivery count when this was written."""
    first: str
    """RFC 3339: when the first attempt was begun alone, or failed; empty where there was none."""
    together: int = 1
    """The most suspects, itself included, with which it may be tried the next time that it is one."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AttemptRecord).decode


class AttemptNotes:
    """The records of a durable's messages, each under the position of its message."""

    def __init__(self, notes: KeyValue) -> None:
        self._notes = notes

    async def get(self, message: Message[Any]) -> AttemptRecord | None:
        """The record of a message, or None.

        Raises:
            TransportError: it is not known.
        """
        noted = await self._notes.get(message.delivery.position_id)
        return _decode(noted) if noted else None

    async def put(self, message: Message[Any], record: AttemptRecord) -> bool:
        """Write the record of a message. Returns False, and logs why, where that failed."""
        try:
            await self._notes.put(message.delivery.position_id, _encode(record))
        except TransportError as error:
            _log.warning("the attempts of %s could not be noted: %s", message, error)
            return False
        return True

    async def forget(self, message: Message[Any]) -> None:
        """Delete the record of a message that is settled."""
        try:
            await self._notes.delete(message.delivery.position_id)
        except TransportError as error:
            _log.debug("a note is left until it is too old: %s", error)
