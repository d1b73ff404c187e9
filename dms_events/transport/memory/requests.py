"""Requests within one process: the responders of a broker, which take turns."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ...aio import TaskSet
from ...errors import ConnectionLostError, NoResponderError, RequestTimeoutError
from ..requests import Answer, RequestDelivery
from ..transport import OutgoingMessage

__all__ = ["MemoryResponders"]


class _Responder:
    def __init__(self, answer: Answer, closed: asyncio.Future[None]) -> None:
        self.answer = answer
        self.closed = closed
        self.running = TaskSet()


class MemoryResponders:
    """The responders of a broker, by type; all run in one event loop."""

    def __init__(self) -> None:
        self._by_type: dict[str, deque[_Responder]] = {}

    @asynccontextmanager
    async def respond(
        self, type_name: str, answer: Answer, closed: asyncio.Future[None]
    ) -> AsyncIterator[None]:
        """Like `SupportsRequests.respond`; it takes no more requests after ``closed``."""
        responder = _Responder(answer, closed)
        others = self._by_type.setdefault(type_name, deque())
        others.append(responder)
        try:
            yield
        finally:
            others.remove(responder)
            await responder.running.finish()

    async def request(
        self, message: OutgoingMessage, largest: int, timeout_s: float, closed: asyncio.Future[None]
    ) -> bytes:
        """Like `SupportsRequests.request`; ``closed`` ends the request."""
        type_name = message.type_name
        responder = self._next(type_name)
        delivery = RequestDelivery(
            data=message.data,
            subject=f"requests.{type_name}",
            type_name=type_name,
            source=message.source,
            largest_answer=largest,
        )
        task = responder.running.start(responder.answer(delivery))
        ends: set[asyncio.Future[Any]] = {task, closed}
        await asyncio.wait(ends, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if closed.done() or task.cancelled():
            raise ConnectionLostError(f"request {type_name}: the bus was closed before the answer")
        if not task.done():
            raise RequestTimeoutError(type_name, f"no answer within {timeout_s:g} s")
        return task.result()

    def _next(self, type_name: str) -> _Responder:
        turns = self._by_type.get(type_name, deque())
        for _ in range(len(turns)):
            turns.rotate(-1)
            if not turns[-1].closed.done():
                return turns[-1]
        raise NoResponderError(type_name, "nobody on this memory:// responds to it")
