"""A thread for a sink whose store blocks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..errors import SinkError

__all__ = ["SinkThread"]

R = TypeVar("R")


class SinkThread:
    """Runs the blocking calls of a sink, one after the other, in one thread.

    Args:
        sink: the name of the sink, for an error.
    """

    def __init__(self, sink: str) -> None:
        self._sink = sink
        self._pool: ThreadPoolExecutor | None = None

    async def open(self, function: Callable[[], R]) -> R:
        """Start the thread and run the first call. If it fails, the thread ends."""
        self._pool = ThreadPoolExecutor(1, f"dms-events-{self._sink.lower()}")
        try:
            return await self.call(function)
        except BaseException:
            self._end()
            raise

    async def call(self, function: Callable[[], R]) -> R:
        """Run a call, and return its result or raise its error.

        Raises:
            SinkError: the sink is not open.
        """
        if self._pool is None:
            raise SinkError(f"the {self._sink} sink is not open")
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    async def close(self, function: Callable[[], object]) -> None:
        """Run the last call and end the thread. Without a thread nothing happens."""
        if self._pool is not None:
            try:
                await self.call(function)
            finally:
                self._end()

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
