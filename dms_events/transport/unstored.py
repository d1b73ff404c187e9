"""Reading unstored messages: each is delivered once, and a full receiver drops messages that arrive."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import ClassVar, Generic, NoReturn, TypeVar

from ..aio import set_within
from ..errors import ConnectionLostError, TransportError
from .drops import Drops
from .receiver import Delivery, Receiver

__all__ = ["DroppingReceiver", "UnstoredDelivery"]

D = TypeVar("D", bound=Delivery)


class UnstoredDelivery:
    """A part of a `Delivery`: the message is not stored, so acknowledging it has no effect."""

    __slots__ = ()

    attempt: ClassVar[int] = 1
    sequence: ClassVar[int] = 0

    async def ack(self) -> None:
        return

    def ack_soon(self) -> None:
        return

    def nak(self, delay_s: float = 0.0) -> NoReturn:
        raise TransportError(
            "it was delivered once; only what a durable delivered can be given back"
        )

    async def term(self) -> None:
        return

    async def in_progress(self) -> None:
        return


class DroppingReceiver(Receiver, Generic[D]):
    """Holds up to ``limit`` messages and ``most_bytes``; further messages are dropped and counted.

    One message is always held, however large it is. The log names ``broker``, which stores no messages.
    The subclass puts each arriving message into the buffer, in one step.
    """

    def __init__(self, broker: str, limit: int, most_bytes: int) -> None:
        self._limit = limit
        self._room = most_bytes
        """How many more bytes may be held."""
        self._buffer: deque[D] = deque()
        self._arrived = asyncio.Event()
        self._end: TransportError | None = None
        self.ack_wait_s = float("inf")
        self.drops: Drops = Drops(broker)

    def pop(self) -> D | None:
        if not self._buffer:
            return None
        delivery = self._buffer.popleft()
        self._room += delivery.size
        return delivery

    async def wait(self, timeout_s: float | None) -> bool:
        if not self._buffer and self._end is None:
            self._arrived.clear()
            await set_within(self._arrived, timeout_s)
        if self._end is not None and not self._buffer:
            raise self._end
        return bool(self._buffer)

    async def backlog(self) -> int:
        return 0

    async def close(self) -> None:
        await self.pause()
        self.fail(ConnectionLostError("the subscription is closed"))

    def fail(self, error: TransportError) -> None:
        """End the receiver: no message will arrive any more."""
        self.drops.end()
        self._end = self._end or error
        self._arrived.set()
