"""Enters a context again that failed while it was open."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import trio

__all__ = ["lives"]

_log = logging.getLogger("dms_events")
_PAUSE_S = 1.0


@asynccontextmanager
async def lives(life: Callable[[], AbstractAsyncContextManager[None]]) -> AsyncIterator[None]:
    """Keep a life open. If a life fails, the failure is logged and the next life begins after a second.

    Two exceptions pass through: that of the first life when it is entered, and that of the last life when
    it is closed.
    """
    async with trio.open_nursery() as keeper:
        await keeper.start(_keep, life)
        yield
        keeper.cancel_scope.cancel()


async def _keep(life: Callable[[], AbstractAsyncContextManager[None]], *, task_status: Any) -> None:
    begun = False
    while True:
        try:
            async with life():
                if not begun:
                    begun = True
                    task_status.started()
                await trio.sleep_forever()
        except Exception as error:
            closing = trio.current_effective_deadline() == -math.inf
            if closing or not begun:
                raise
            _log.error("the libp2p node failed, and is started again", exc_info=error)
        await trio.sleep(_PAUSE_S)
