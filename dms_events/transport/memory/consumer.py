"""One consumer of the memory transport: its cursor, unsettled deliveries, and due redeliveries."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from ...identity import id_of_position
from ...names import UNPARTITIONED, consumer_taken, part_name, read_otherwise
from ..delivery import Delivery
from ..transport import OutgoingMessage, SubscriptionSpec

__all__ = ["Consumer", "MemoryDelivery", "Stored", "refuse_clash", "size_of"]


class Stored(NamedTuple):
    """A message in the log; ``sequence`` counts from 1."""

    sequence: int
    stored_ns: int
    message: OutgoingMessage


def size_of(message: OutgoingMessage) -> int:
    """Return the approximate bytes of the payload, id and names."""
    names = len(message.id) + len(message.type_name) + len(message.source)
    return len(message.data) + names


def refuse_clash(spec: SubscriptionSpec, consumers: Mapping[str, Consumer]) -> None:
    """Refuse a durable if one of its consumers, with partitions, would be another durable's.

    Raises:
        ConfigError: the consumers clash.
    """

    def partitioned(durable: str) -> bool | None:
        known = consumers.get(f"{spec.channel}/{durable}")
        return known.partitioned if known else None

    durable = spec.durable or ""
    whole, rest = (
        durable.removesuffix(part_name("", UNPARTITIONED)),
        part_name(durable, UNPARTITIONED),
    )
    if whole != durable and partitioned(whole):
        raise consumer_taken(durable, partitioned=False)
    if partitioned(durable) not in (None, spec.partitioned):
        raise read_otherwise(durable, partitioned=spec.partitioned)
    if spec.partitioned and partitioned(rest) is False:
        raise consumer_taken(rest, partitioned=True)


class Consumer:
    """Delivers a log at least once. All its readers are in one event loop."""

    def __init__(
        self,
        log: list[Stored],
        spec: SubscriptionSpec,
    ) -> None:
        self.patterns = spec.patterns
        self.partitioned = spec.partitioned
        self.wants = spec.wants
        self._log = log
        self.ack_wait_s = spec.ack_wait_s
        self._cursor = 0 if spec.start == "all" else len(log)
        self._attempts: dict[int, int] = {}
        """Delivery count of each message that was delivered and is not settled."""
        self._due: dict[int, float] = {}
        """When each of them is delivered again, on the monotonic clock. Other heap entries are old."""
        self._heap: list[tuple[float, int]] = []
        self.owners: list[object] = []
        """Readers of which only the first may take messages; empty if all may."""
        self._waiters: set[asyncio.Future[None]] = set()

    def take(self) -> tuple[Stored, int] | None:
        """Return the next message to deliver, with its delivery count; None if none is due."""
        now = time.monotonic()
        self._skip()
        if self._heap and self._heap[0][0] <= now:
            _, sequence = heapq.heappop(self._heap)
            return self._deliver(self._log[sequence - 1], now)
        if self._cursor < len(self._log):
            self._cursor += 1
            return self._deliver(self._log[self._cursor - 1], now)
        return None

    def ready(self) -> bool:
        """True if there is a message to take now."""
        self._skip()
        return self._cursor < len(self._log) or bool(
            self._heap and self._heap[0][0] <= time.monotonic()
        )

    def _skip(self) -> None:
        """Pass over messages settled since then, and messages that match no pattern."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        log = self._log
        while self._cursor < len(log) and not self.wants(log[self._cursor].message.type_name):
            self._cursor += 1

    def _deliver(self, stored: Stored, now: float) -> tuple[Stored, int]:
        attempt = self._attempts[stored.sequence] = self._attempts.get(stored.sequence, 0) + 1
        self._schedule(stored.sequence, now + self.ack_wait_s)
        return stored, attempt

    def _schedule(self, sequence: int, due: float) -> None:
        self._due[sequence] = due
        heapq.heappush(self._heap, (due, sequence))

    def settle(self, sequence: int, attempt: int) -> None:
        """Settle a message, even if it was delivered again since then."""
        if self._attempts.get(sequence, 0) >= attempt:
            del self._attempts[sequence], self._due[sequence]
            self.wake()

    def forget(self, sequence: int) -> None:
        """Forget a deleted message: do not deliver it again."""
        self._attempts.pop(sequence, None)
        self._due.pop(sequence, None)
        self.wake()

    def again(self, sequence: int, attempt: int, delay_s: float) -> None:
        """Deliver the message again after ``delay_s``, unless there was a later delivery."""
        if self._attempts.get(sequence) == attempt:
            self._schedule(sequence, time.monotonic() + delay_s)
            self.wake()

    def progress(self, sequence: int, attempt: int) -> None:
        """Count the ack wait of the message from now."""
        if self._attempts.get(sequence) == attempt:
            self._schedule(sequence, time.monotonic() + self.ack_wait_s)

    def backlog(self) -> int:
        """Return the number of messages not delivered yet or not settled."""
        waiting = sum(1 for s in self._log[self._cursor :] if self.wants(s.message.type_name))
        return waiting + len(self._attempts)

    def wake(self) -> None:
        """Let every waiting reader look again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def changed(self, timeout_s: float | None, *, may_take: bool) -> None:
        """Wait until a reader should look for messages again, at most ``timeout_s``."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        next_due = self._heap[0][0] - time.monotonic() if self._heap and may_take else None
        waits = [max(0.0, w) for w in (timeout_s, next_due) if w is not None]
        try:
            await asyncio.wait([waiter], timeout=min(waits) if waits else None)
        finally:
            self._waiters.discard(waiter)


class MemoryDelivery(Delivery, msgspec.Struct, eq=False):
    """A message in a process's memory."""

    data: bytes
    attempt: int
    stored: Stored
    consumer: Consumer
    broker: str
    settled: bool = False

    @property
    def subject(self) -> str:
        return f"{self.stored.message.channel}/{self.type_name}"

    @property
    def type_name(self) -> str:
        return self.stored.message.type_name

    @property
    def source(self) -> str:
        return self.stored.message.source

    @property
    def message_id(self) -> str:
        return self.stored.message.id

    @property
    def sequence(self) -> int:
        return self.stored.sequence

    @property
    def stored_ns(self) -> int:
        return self.stored.stored_ns

    @property
    def position_id(self) -> str:
        return id_of_position(self.broker, self.sequence, self.stored_ns)

    async def ack(self) -> None:
        self.ack_soon()

    def ack_soon(self) -> bool:
        if self._settle():
            self.consumer.settle(self.sequence, self.attempt)
        return True

    async def nak(self, delay_s: float = 0.0) -> None:
        if self._settle():
            self.consumer.again(self.sequence, self.attempt, delay_s)

    async def in_progress(self) -> None:
        if not self.settled:
            self.consumer.progress(self.sequence, self.attempt)

    def _settle(self) -> bool:
        """Return True on the first call only: the first settlement counts."""
        first, self.settled = not self.settled, True
        return first
