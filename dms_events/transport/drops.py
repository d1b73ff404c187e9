"""Messages that a reader drops for want of room: counted, and reported in bursts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from ..errors import DroppedError

__all__ = ["Drops"]

_log = logging.getLogger("dms_events")
_QUIET_S: Final = 1.0


class Drops:
    """Counts the messages that one receiver drops.

    The first drop of a burst is reported in the next turn of the event loop, later drops once a second.
    A report goes to the log and to ``tell``.

    Args:
        transport: the name of the transport, for the log.
    """

    def __init__(self, transport: str) -> None:
        self._transport = transport
        self.count = 0
        self.tell: Callable[[DroppedError], None] | None = None
        """Called in the event loop with the drops that were not reported yet."""
        self._told = 0
        self._quiet_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, count: int = 1) -> None:
        """Count ``count`` dropped messages. Call it in the event loop."""
        self.count += count
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(self._quiet_until, self._flush, loop)

    def end(self) -> None:
        """Report the drops that were not reported yet: the receiver is closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._flush(asyncio.get_running_loop())

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self._quiet_until = loop.time() + _QUIET_S
        count, self._told = self.count - self._told, self.count
        _log.warning(
            "%d messages were dropped so far: the reader was too slow, and %s stores nothing",
            self.count,
            self._transport,
        )
        if self.tell is not None:
            self.tell(DroppedError(count, self._transport))
