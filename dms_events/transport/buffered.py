"""Receivers with a buffer, which a subclass fills with the messages that arrive."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

from ..aio import set_within
from ..errors import ConnectionLostError, TransportError
from .delivery import Delivery
from .drops import Drops
from .receiver import Receiver

__all__ = ["BufferedReceiver", "DroppingReceiver"]

D = TypeVar("D", bound=Delivery)


class BufferedReceiver(Receiver, Generic[D]):
    """Hands out the messages that the subclass puts into its buffer.

    The subclass bounds the buffer. In `pause` it puts no more messages into it, and returns True. If its
    transport acknowledges, it also keeps the messages in the buffer alive (`keep_alive`), and gives them
    back in `close` (`give_back`).

    Args:
        arrived: set when a message is put into the buffer; receivers that are read together share one.
    """

    def __init__(self, arrived: asyncio.Event | None = None) -> None:
        self.buffer: deque[D] = deque()
        self.failure: TransportError | None = None
        """The reason why no message will arrive any more; None while messages may arrive."""
        self._arrived = arrived or asyncio.Event()

    def put(self, delivery: D) -> bool:
        """Take in a message that arrived. Call it in the event loop. Returns False if it is dropped."""
        self.buffer.append(delivery)
        self._arrived.set()
        return True

    def pop(self) -> D | None:
        return self.buffer.popleft() if self.buffer else None

    async def wait(self, timeout_s: float | None) -> bool:
        if not self.buffer and self.failure is None:
            self._arrived.clear()
            await set_within(self._arrived, timeout_s)
        if not self.buffer and self.failure is not None:
            raise self.failure
        return bool(self.buffer)

    async def keep_alive(self) -> None:
        """Ask for more time for the messages in the buffer, every third of the ack wait.

        A receiver runs it as a task, if its transport acknowledges and counts an ack wait.
        """
        while True:
            await asyncio.sleep(self.ack_wait_s / 3)
            # A broker counts one ack wait for a message, even if it came more than once.
            for delivery in {one.sequence: one for one in self.buffer}.values():
                with suppress(ConnectionLostError):
                    await delivery.in_progress()

    async def give_back(self) -> None:
        """Give back the messages in the buffer, so that other readers get them at once."""
        while self.buffer:
            with suppress(ConnectionLostError):
                await self.buffer.popleft().nak()

    def fail(self, error: TransportError) -> None:
        """End the receiver: no message will arrive any more. The first error counts."""
        self.failure = self.failure or error
        self._arrived.set()

    async def close(self) -> None:
        await self.pause()
        self.fail(ConnectionLostError("the subscription is closed"))


class DroppingReceiver(BufferedReceiver[D]):
    """Holds up to ``limit`` messages and ``most_bytes``; further messages are dropped and counted.

    One message is always held, however large it is. The log names ``broker``, which stores no messages.
    The subclass puts each arriving message into the buffer.
    """

    def __init__(self, broker: str, limit: int, most_bytes: int) -> None:
        super().__init__()
        self._limit = limit
        self._room = most_bytes
        """How many more bytes may be held."""
        self.drops: Drops = Drops(broker)

    def put(self, delivery: D) -> bool:
        size = delivery.size
        if self.buffer and (size > self._room or len(self.buffer) >= self._limit):
            self.drops.add()
            return False
        self._room -= size
        return super().put(delivery)

    def pop(self) -> D | None:
        if not self.buffer:
            return None
        delivery = self.buffer.popleft()
        self._room += delivery.size
        return delivery

    @abstractmethod
    async def pause(self) -> bool:
        """Put no more messages into the buffer, and return True. What is in it is handed out."""

    def fail(self, error: TransportError) -> None:
        self.drops.end()
        super().fail(error)
