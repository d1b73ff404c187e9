"""Attempts of messages: notes of how many are spent, kept here while the broker fails."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from typing import Any, Final

import msgspec

from ..bus import Message
from ..errors import TransportError
from ..transport import KeyValue

__all__ = ["AttemptNotes", "AttemptRecord"]

_log = logging.getLogger("dms_events")
_PATIENCE_S: Final = 30.0
_MOST_KEPT: Final = 10_000


class AttemptRecord(msgspec.Struct, frozen=True, gc=False):
    """The note on a message, for the reader that gets the message next."""

    spent: int
    """Attempts that it has had."""
    suspect: bool
    """True if nobody knows why it was delivered again: its last attempt may have begun and not ended."""
    delivery: int
    """The broker's delivery count when this was written."""
    first: str
    """RFC 3339: when the first attempt was begun alone, or failed; empty if there was none."""
    together: int = 1
    """If it is a suspect again: the largest group, itself included, in which it may be tried."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(AttemptRecord).decode


class _Patience:
    """Measures for how long an operation has failed without a success in between."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._since: float | None = None
        self._ended = False

    def failed(self, error: TransportError) -> bool:
        """True to try it again, False to go on without it; logs when either begins."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
            _log.warning("%s: %s; it is tried again", self._what, error)
        elif now - self._since > _PATIENCE_S and not self._ended:
            self._ended = True
            _log.warning(
                "%s for %.0f s: %s. Messages are handled all the same, but their attempts are counted in "
                "this process only, and a message that kills the process is not recognized",
                self._what,
                now - self._since,
                error,
            )
        else:
            _log.debug("%s: %s", self._what, error)
        return not self._ended

    def succeeded(self) -> None:
        self._since, self._ended = None, False

    @property
    def fails(self) -> bool:
        """True if it failed the last time."""
        return self._since is not None


class AttemptNotes:
    """The records of attempts of a durable's messages, by position.

    Records that the broker does not take are kept here, up to ``_MOST_KEPT``. So every message gets its
    verdict, even if the broker takes or gives no notes.
    """

    def __init__(self, notes: KeyValue) -> None:
        self._notes = notes
        self._reading = _Patience("the attempts of messages cannot be read")
        self._writing = _Patience("the attempts of messages cannot be noted")
        self._kept: OrderedDict[str, AttemptRecord] = OrderedDict()
        """The newest record of a message not written, or written while none can be read."""

    async def get(self, message: Message[Any]) -> AttemptRecord | None:
        """Return the record of a message, if there is one.

        Raises:
            TransportError: the record cannot be read now, but maybe soon.
        """
        position = message.delivery.position_id
        try:
            noted = await self._notes.get(position)
        except TransportError as error:
            if self._reading.failed(error):
                raise
            return self._kept.get(position)
        self._reading.succeeded()
        if kept := self._kept.get(position):
            return kept
        return _read(position, noted) if noted else None

    async def put(self, message: Message[Any], record: AttemptRecord, *, keep: bool = True) -> bool:
        """Return True if the record is noted, or if there is no use in waiting for that.

        A record that is not noted still counts in this process, unless ``keep`` is false and waiting is
        of use.
        """
        position = message.delivery.position_id
        try:
            await self._notes.put(position, _encode(record))
        except TransportError as error:
            waits = self._writing.failed(error)
            if keep or not waits:
                self._keep(position, record)
            return not waits
        self._writing.succeeded()
        if self._reading.fails:
            self._keep(position, record)
        else:
            self._kept.pop(position, None)
        return True

    async def forget(self, message: Message[Any]) -> None:
        """Delete the record of a message that is settled."""
        position = message.delivery.position_id
        self._kept.pop(position, None)
        try:
            await self._notes.delete(position)
        except TransportError as error:
            _log.debug("a note could not be deleted, and stays until it expires: %s", error)

    def _keep(self, position: str, record: AttemptRecord) -> None:
        self._kept[position] = record
        self._kept.move_to_end(position)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)


def _read(position: str, noted: bytes) -> AttemptRecord | None:
    try:
        record = _decode(noted)
        if record.spent < 0:
            raise ValueError(f"{record.spent} attempts")
    except ValueError as error:  # msgspec's errors are of this kind
        _log.warning(
            "the note about message %s is damaged (%s); its attempts are counted from the start",
            position,
            error,
        )
        return None
    return record
