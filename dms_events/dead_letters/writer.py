"""Write dead letters and log them, for subscriptions, workers and the forwarder."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable
from typing import Protocol

from ..errors import HandlerError, TransportError
from ..quiet import Quiet
from ..transport import Delivery
from .letter import LONGEST, may_hold_secret, text_of

__all__ = ["AGAIN_S", "DeadLetterWriter", "GiveUp"]

AGAIN_S = 5.0
"""Seconds until a message is tried again after its dead letter was not accepted."""
_LONGEST_REASON = 1000

_log = logging.getLogger("dms_events")


class GiveUp(Protocol):
    """Gives a message up, then terms it: `DeadLetters.add` keeps it, another function throws it away."""

    def __call__(
        self,
        delivery: Delivery,
        *,
        id: str,
        error: Exception,
        reader: str,
        attempts: int | None = ...,
        first: str = ...,
    ) -> Awaitable[None]:
        """Give the message up, then term it; raises TransportError if the letter was not accepted."""


class DeadLetterWriter:
    """Writes the dead letters of one reader, and logs at most one line a second about them.

    Without a ``reader`` no letter is kept: ``give_up`` throws messages away.
    """

    def __init__(self, give_up: GiveUp, reader: str = "") -> None:
        self._give_up = give_up
        self._reader = reader
        self._refused_until = 0.0
        self._quiet = Quiet()
        self._unsaid = 0

    async def write(
        self,
        delivery: Delivery,
        *,
        id: str,
        error: Exception,
        attempts: int | None = None,
        first: str = "",
    ) -> bool:
        """Return True if the message is given up and termed. On False the caller gives it back."""
        try:
            if time.monotonic() < self._refused_until:
                raise TransportError("the last one could not be written a moment ago")
            await self._give_up(
                delivery, id=id, error=error, reader=self._reader, attempts=attempts, first=first
            )
        except TransportError as refused:
            self._refused_until = time.monotonic() + AGAIN_S
            self._say(
                logging.ERROR, "a dead letter could not be written, and is tried again", refused
            )
            return False
        secret = may_hold_secret(delivery.type_name, delivery.data)
        why = (
            HandlerError("its text is withheld, because its type holds a secret")
            if secret
            else error
        )
        what = "became a dead letter" if self._reader else "was thrown away"
        self._say(logging.WARNING, f"{_about(delivery, id)} {what}", why)
        return True

    def _say(self, level: int, what: str, error: Exception) -> None:
        why = text_of(error)[:_LONGEST_REASON]
        if not self._quiet.over():
            self._unsaid += 1
            _log.debug("%s: %s", what, why)
            return
        more = f" (and {self._unsaid} more such lines, not logged)" if self._unsaid else ""
        self._unsaid = 0
        _log.log(level, "%s: %s%s", what, why, more)


def _about(delivery: Delivery, id: str) -> str:
    """Return a message's text for a log line, with its subject and identity cut."""
    return f"{delivery.subject[:LONGEST]} (id '{id[:LONGEST]}')"
