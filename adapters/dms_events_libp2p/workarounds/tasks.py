"""Tasks of the library's services: an exception ends its task, and not the service or the node."""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import wraps
from typing import Any

import trio
from libp2p.abc import IMuxedConn, INetConn

__all__ = ["hold_tasks"]

_log = logging.getLogger("dms_events")
_PAUSE_S = 1.0


def hold_tasks(service: Any) -> None:
    """py-libp2p ends a service, and so the node, with the first exception of any of its tasks.

    Here a failed task is logged and ends alone, and a loop such as the heartbeat begins again. py-libp2p
    also fails if a task has more than 1,000 child tasks; pubsub has one child task for each peer.
    """
    stock_run = service.run

    async def run() -> None:
        manager = service.manager
        manager._max_children_per_task = sys.maxsize
        stock_run_task = manager.run_task

        def run_task(function: Any, *args: Any, **options: Any) -> None:
            held = _held(function, again=options.get("daemon", False))
            stock_run_task(held, *args, **options)

        manager.run_task = run_task
        await stock_run()

    service.run = run


def _held(
    function: Callable[..., Awaitable[Any]], *, again: bool
) -> Callable[..., Awaitable[None]]:
    @wraps(function)
    async def held(*args: Any) -> None:
        while True:
            try:
                await function(*args)
            except Exception as error:  # noqa: BLE001
                _log.error("a task of the libp2p node failed: %s", function, exc_info=error)
                await _close(getattr(function, "__self__", None))
            if not again:
                return
            await trio.sleep(_PAUSE_S)

    return held


async def _close(owner: Any) -> None:
    """Close a connection whose task failed. It would take a place and do nothing."""
    if isinstance(owner, IMuxedConn | INetConn):
        with trio.move_on_after(_PAUSE_S), suppress(Exception):
            await owner.close()
