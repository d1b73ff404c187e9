"""The smallest transports: each writes the members that the seam demands, and no others."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from dms_events.aio import set_within
from dms_events.transport import (
    BufferedReceiver,
    Delivery,
    Guarantees,
    OutgoingMessage,
    Receiver,
    SubscriptionSpec,
    Transport,
    arrival_ns,
)

__all__ = ["Shelf", "Wire"]


class Heard(Delivery, msgspec.Struct, eq=False):
    data: bytes
    stored_ns: int


class Wire(Transport):
    """Hands each message to the receivers that are there: nothing is stored or acknowledged."""

    guarantees = Guarantees(
        acknowledges=False,
        durable=False,
        dedupes=False,
        full="error",
        ordered=True,
        authenticates=False,
    )

    def __init__(self) -> None:
        self.receivers: list[tuple[SubscriptionSpec, BufferedReceiver[Heard]]] = []

    async def publish(self, message: OutgoingMessage) -> None:
        for spec, receiver in self.receivers:
            if spec.wants(message.type_name):
                receiver.put(Heard(message.data, arrival_ns()))

    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        receiver = BufferedReceiver[Heard]()
        self.receivers.append((spec, receiver))
        return receiver


class Lent(Delivery, msgspec.Struct, eq=False):
    data: bytes
    type_name: str
    stored_ns: int
    sequence: int
    attempt: int
    shelf: ShelfReceiver

    async def ack(self) -> None:
        self.shelf.lent.pop(self.sequence, None)

    async def nak(self, delay_s: float = 0.0) -> None:
        self.attempt += 1
        asyncio.get_running_loop().call_later(delay_s, self.shelf.add, self)


class ShelfReceiver(Receiver):
    def __init__(self) -> None:
        self.lent: dict[int, Lent] = {}
        self._waiting: deque[Lent] = deque()
        self._arrived = asyncio.Event()

    def add(self, delivery: Lent) -> None:
        self.lent.pop(delivery.sequence, None)
        self._waiting.append(delivery)
        self._arrived.set()

    def pop(self) -> Lent | None:
        if not self._waiting:
            return None
        delivery = self._waiting.popleft()
        self.lent[delivery.sequence] = delivery
        return delivery

    async def wait(self, timeout_s: float | None) -> bool:
        if not self._waiting:
            self._arrived.clear()
            await set_within(self._arrived, timeout_s)
        return bool(self._waiting)

    async def backlog(self) -> int:
        return len(self._waiting) + len(self.lent)


class Shelf(Transport):
    """Keeps the messages of each channel until its one reader acknowledges them."""

    guarantees = Guarantees(
        acknowledges=True,
        durable=False,
        dedupes=False,
        full="error",
        ordered=True,
        authenticates=False,
    )

    def __init__(self) -> None:
        self.shelves = {"events": ShelfReceiver(), "dead": ShelfReceiver()}
        self.count = 0

    async def publish(self, message: OutgoingMessage) -> None:
        self.count += 1
        shelf = self.shelves[message.channel]
        shelf.add(Lent(message.data, message.type_name, arrival_ns(), self.count, 1, shelf))

    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        return self.shelves[spec.channel]
