"""The memory transport: within one process, with real acks and redelivery, without a server.

For tests, and for programs that publish and subscribe in one process. It has the semantics of a
durable stream (dedupe by identity, ack, nak with delay, term, redelivery, delivery counts, shared
durables) for as long as the process lives.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit
from weakref import WeakSet, WeakValueDictionary

from ...errors import ConfigError, ConnectionLostError, PublishError
from ...names import checked_root, no_such_durable
from ..capabilities import KeyValue, SupportsDeadLetters, SupportsNotes, SupportsRequests
from ..delivery import Delivery
from ..receiver import DurableFacts, Receiver
from ..requests import Answer
from ..transport import Channel, Guarantees, OutgoingMessage, SubscriptionSpec, Transport
from .consumer import Consumer, MemoryDelivery, Stored, refuse_clash, size_of
from .notes import MemoryKeyValue
from .requests import MemoryResponders

__all__ = ["MemoryTransport"]


class Broker:
    """The state that ``memory://`` transports of one name share while one of them exists."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.max_messages = max_messages
        self.max_bytes = max_bytes
        self.id = f"memory {uuid.uuid4()}"
        self.log: dict[Channel, list[Stored]] = {"events": [], "requests": [], "dead": []}
        self.deleted: Counter[Channel] = Counter()
        self.bytes: Counter[Channel] = Counter()
        self.ids: set[tuple[Channel, str]] = set()
        self.consumers: dict[str, Consumer] = {}
        self.notes: dict[str, MemoryKeyValue] = {}
        self.responders = MemoryResponders()

    def store(self, message: OutgoingMessage) -> None:
        key = (message.channel, message.id)
        if message.id and key in self.ids:
            return
        log = self.log[message.channel]
        if len(log) - self.deleted[message.channel] >= self.max_messages:
            raise _full(f"{self.max_messages} messages", "max_messages", message)
        size = size_of(message)
        if self.bytes[message.channel] + size > self.max_bytes:
            raise _full(f"{self.max_bytes:,} bytes", "max_bytes", message)
        self.bytes[message.channel] += size
        self.ids.add(key)
        log.append(Stored(len(log) + 1, time.time_ns(), message))
        for consumer in self.consumers.values():
            consumer.wake()

    def find(self, channel: Channel, sequence: int) -> Stored | None:
        log = self.log[channel]
        stored = log[sequence - 1] if 1 <= sequence <= len(log) else None
        return stored if stored and stored.message.type_name else None

    def delete(self, channel: Channel, sequence: int) -> bool:
        stored = self.find(channel, sequence)
        if stored is None:
            return False
        # Positions must not change: a message without a type, which nobody wants, takes the place.
        self.log[channel][sequence - 1] = stored._replace(
            message=OutgoingMessage(channel, "", "", "", b"")
        )
        self.deleted[channel] += 1
        self.bytes[channel] -= len(stored.message.data)  # its id stays, and counts
        for name, consumer in self.consumers.items():
            if name.startswith(f"{channel}/"):
                consumer.forget(sequence)
        return True


def _full(at: str, setting: str, message: OutgoingMessage) -> PublishError:
    reason = f"the memory transport is full at {at}; connect with a larger {setting}"
    return PublishError(reason, [message])


_named: WeakValueDictionary[str, Broker] = WeakValueDictionary()


class MemoryTransport(Transport, SupportsDeadLetters, SupportsNotes, SupportsRequests):
    """``memory://`` is private to the bus that connects; buses on ``memory://name`` share a broker.

    The broker keeps every message, so a durable created later sees all of them. Each channel holds up to
    ``max_messages`` and ``max_bytes`` (payloads, ids and names). When it is full, publishing fails.
    """

    where = "memory://"
    guarantees = Guarantees(
        acknowledges=True,
        durable=False,
        dedupes=True,
        full="error",
        ordered=True,
        authenticates=False,
    )

    def __init__(
        self,
        url: str = "memory://",
        *,
        root: str = "dms",
        max_messages: int = 1_000_000,
        max_bytes: int = 1 << 30,
    ) -> None:
        checked_root(root)
        for setting, least in (("max_messages", max_messages), ("max_bytes", max_bytes)):
            if least < 1:
                raise ConfigError(setting, f"must be at least 1, not {least}")
        name = urlsplit(url).netloc
        broker = _named.get(f"{root}/{name}") if name else None
        self._broker = broker or Broker(max_messages, max_bytes)
        if name:
            _named[f"{root}/{name}"] = self._broker
        self._receivers: WeakSet[MemoryReceiver] = WeakSet()
        self._open = False

    async def open(self) -> None:
        self._open = True
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def publish(self, message: OutgoingMessage) -> None:
        self._check_open()
        self._broker.store(message)

    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        self._check_open()
        consumers = self._broker.consumers
        # A slash marks a consumer without a durable name: durables have no slash in theirs.
        name = f"{spec.channel}/{spec.durable or f'/{uuid.uuid4()}'}"
        consumer = consumers.get(name)
        refuse_clash(spec, consumers)
        others = tuple(known.removeprefix(f"{spec.channel}/") for known in consumers)
        facts = DurableFacts(is_new=consumer is None, others=others if consumer is None else ())
        if consumer is None:
            if spec.must_exist:
                raise no_such_durable(spec.durable or "", others)
            consumer = consumers[name] = Consumer(self._broker.log[spec.channel], spec)
        elif set(consumer.patterns) != set(spec.patterns):
            raise ConfigError(
                "durable",
                f"{spec.durable!r} exists and reads {', '.join(sorted(consumer.patterns))}; "
                f"asked for {', '.join(sorted(spec.patterns))}. Choose another durable name",
            )
        ephemeral = None if spec.durable else name
        receiver = MemoryReceiver(self._broker, consumer, spec, ephemeral)
        receiver.facts = facts
        self._receivers.add(receiver)
        return receiver

    async def notes(self, durable: str) -> KeyValue:
        self._check_open()
        return self._broker.notes.setdefault(durable, MemoryKeyValue())

    async def readers(self, message: OutgoingMessage, durable: str = "") -> Sequence[str]:
        self._check_open()
        found = (
            name.removeprefix("events/")
            for name, consumer in self._broker.consumers.items()
            if name.startswith("events/") and consumer.wants(message.type_name)
        )
        return sorted(name for name in found if "/" not in name and durable in ("", name))

    async def fetch(self, channel: Channel, sequence: int) -> bytes | None:
        self._check_open()
        stored = self._broker.find(channel, sequence)
        return stored.message.data if stored else None

    async def delete(self, channel: Channel, sequence: int) -> bool:
        self._check_open()
        return self._broker.delete(channel, sequence)

    async def request(self, message: OutgoingMessage, to: str, timeout_s: float) -> bytes:
        self._check_open()
        if to:
            raise ConfigError("to", "memory:// has no peers: any responder answers; leave it out")
        responders, closed = self._broker.responders, self._closed
        return await responders.request(message, self.max_payload, timeout_s, closed)

    def respond(self, type_name: str, answer: Answer) -> AbstractAsyncContextManager[None]:
        self._check_open()
        return self._broker.responders.respond(type_name, answer, self._closed)

    async def close(self) -> None:
        if self._open:
            self._closed.set_result(None)
        self._open = False
        for receiver in list(self._receivers):
            await receiver.close()

    def _check_open(self) -> None:
        if not self._open:
            raise ConnectionLostError("the bus is closed")


class MemoryReceiver(Receiver):
    """One reader of a consumer; several may share it."""

    def __init__(
        self, broker: Broker, consumer: Consumer, spec: SubscriptionSpec, ephemeral: str | None
    ) -> None:
        self._broker = broker
        self._consumer = consumer
        self._ephemeral = ephemeral
        self._closed = False
        if spec.partitioned:
            consumer.owners.append(self)
        self.ack_wait_s = consumer.ack_wait_s

    def pop(self) -> Delivery | None:
        if self._closed or not self._may_take():
            return None
        if (taken := self._consumer.take()) is None:
            return None
        stored, attempt = taken
        return MemoryDelivery(stored.message.data, attempt, stored, self._consumer, self._broker.id)

    async def wait(self, timeout_s: float | None) -> bool:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._closed:
            if self._may_take() and self._consumer.ready():
                return True
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return False
            await self._consumer.changed(left, may_take=self._may_take())
        raise ConnectionLostError("the subscription is closed")

    async def backlog(self) -> int:
        return self._consumer.backlog()

    def _may_take(self) -> bool:
        owners = self._consumer.owners
        return not owners or owners[0] is self

    async def close(self) -> None:
        self._closed = True
        if self in self._consumer.owners:
            self._consumer.owners.remove(self)
        self._consumer.wake()
        if self._ephemeral:
            self._broker.consumers.pop(self._ephemeral, None)
