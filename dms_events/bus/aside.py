"""Messages that are not handed out: settled in the background, so that others do not wait for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

__all__ = ["Aside"]

_log = logging.getLogger("dms_events")
_MOST = 32
_LAST_S = 5.0


class Aside:
    """Settles up to 32 messages at a time in the background."""

    def __init__(self) -> None:
        self._settling: set[asyncio.Task[None]] = set()
        self.is_full = False
        """True while no more messages may be put aside."""

    def put(self, settling: Coroutine[Any, Any, None]) -> None:
        """Settle a message in the background."""
        task = asyncio.create_task(settling)
        self._settling.add(task)
        task.add_done_callback(self._ended)
        self.is_full = len(self._settling) >= _MOST

    async def until_less(self) -> None:
        """Wait until one of the messages is settled."""
        await asyncio.wait(self._settling, return_when=asyncio.FIRST_COMPLETED)

    async def finish(self) -> None:
        """Wait until all are settled, at most 5 s; those that are not are delivered again."""
        if self._settling:
            _, late = await asyncio.wait(self._settling, timeout=_LAST_S)
            for task in late:
                task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._settling.discard(task)
        self.is_full = len(self._settling) >= _MOST
        if not task.cancelled() and (error := task.exception()):
            _log.error(
                "a message could not be settled in the background, and stays unsettled: %r", error
            )
