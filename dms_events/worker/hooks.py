"""Hooks: functions that a worker calls before its first message and after its last one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

__all__ = ["Hooks"]


class Hooks:
    """Functions to call at both ends of a run."""

    def __init__(self) -> None:
        self.startup: list[Callable[[], Awaitable[None]]] = []
        self.shutdown: list[Callable[[], Awaitable[None]]] = []

    @asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        """Call the startup functions; at the end the shutdown functions, the last added first."""
        async with AsyncExitStack() as stack:
            for function in self.shutdown:
                stack.push_async_callback(function)
            for function in self.startup:
                await function()
            yield
