"""The seam that adapters implement: bytes out, bytes in, and what is promised about them.

A transport knows no JSON and no types. It is found by URL scheme through the entry point group
``dms_events.transports``. Users hold `dms_events.Bus`; they never touch this module.

The seam documents guarantees, not mechanics. Where a method's docstring is silent, nothing is promised.
No vendor's exception crosses it: an implementation raises `TransportError` and its subclasses only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from ..types._secrets import Masked, SecretBytes

__all__ = [
    "Channel",
    "DedupeKey",
    "Delivery",
    "Guarantees",
    "KeyValue",
    "OutgoingMessage",
    "Receiver",
    "SubscriptionSpec",
    "Transport",
]

DedupeKey = str | int
"""Identifies a stored message across redeliveries to one consumer."""

Channel = Literal["events", "requests", "dead"]
"""The three namespaces. They never overlap, so that a stream over one holds nothing of another."""


class OutgoingMessage(Masked, msgspec.Struct, frozen=True, gc=False):
    """One message ready to send. It keeps its identity, so sending it again is safe.

    Its repr does not show the payload.
    """

    channel: Channel
    type_name: str
    source: str
    id: str
    data: SecretBytes


class SubscriptionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscription wants.

    ``patterns`` are ``module.Type``, ``module.*`` or ``*``. A ``durable`` is one consumer with one set
    of patterns, shared by whoever subscribes under its name. ``start`` counts for a new consumer only.
    ``partitioned``: of each part of the sources there is one reader at a time, which has all of it.
    """

    channel: Channel = "events"
    patterns: tuple[str, ...]
    durable: str | None = None
    start: Literal["all", "new"] = "all"
    prefetch: int = 500
    ack_wait_s: float = 60.0
    partitioned: bool = False


class Guarantees(msgspec.Struct, frozen=True, kw_only=True):
    """What a transport promises; the contract suite checks exactly this."""

    acknowledges: bool
    """ack, nak with delay, term and in-progress mean something; what is not acked comes again."""
    durable: bool
    """A durable survives its reader's death, and what was published survives the broker's."""
    dedupes: bool
    """A second publish of the same id, soon after the first, is accepted and not delivered again."""
    full: Literal["error", "drop"]
    """What happens when there is no more room: PublishError, or a counted drop at the reader."""


class Delivery(Protocol):
    """One message that arrived; a protocol, so that what a client library makes of it can be one.

    Settling (ack, nak, term) takes effect at the broker some time later, or never where the connection
    is lost: then the message is delivered again. Settling twice does nothing.
    """

    @property
    def data(self) -> bytes:
        """The payload as it arrived."""

    @property
    def subject(self) -> str:
        """The subject it was published on, in the transport's own terms, for people to read."""

    @property
    def type_name(self) -> str:
        """The type name it was published under, as ``module.Type``; empty where that is not known."""

    @property
    def source(self) -> str:
        """Who published it, as far as the transport can tell; empty where it cannot."""

    @property
    def attempt(self) -> int:
        """How often this message was delivered, this time included: at least 1, never less than true."""

    @property
    def message_id(self) -> str:
        """The id its publisher gave to the transport; empty where it gave none."""

    @property
    def headers(self) -> Mapping[str, str] | None:
        """What its publisher said beside the payload; None where that is nothing."""

    @property
    def sequence(self) -> int:
        """Its position in the stream, the same for every delivery of it; 0 where nothing is stored."""

    @property
    def dedupe_key(self) -> DedupeKey:
        """Identifies the stored message for `same_message`; cheap to get and small to keep."""

    def same_message(self, dedupe_key: DedupeKey) -> bool:
        """True if ``dedupe_key`` was taken from an earlier delivery of this message."""

    @property
    def position_id(self) -> str:
        """A deterministic id of where it lies: the same for every delivery of the same message."""

    @property
    def stored_ns(self) -> int:
        """When the broker stored it, in ns since 1970; of the arrival where nothing is stored."""

    async def ack(self) -> None:
        """It is done: do not deliver it again."""

    async def nak(self, delay_s: float = 0.0) -> None:
        """It is not done: deliver it again after ``delay_s``."""

    async def term(self) -> None:
        """It will never be done: do not deliver it again."""

    async def in_progress(self) -> None:
        """It is being worked on: count the ack wait from now."""


class Receiver(ABC):
    """One subscription at a transport."""

    dropped: int = 0
    """Messages that arrived and were thrown away for want of room."""

    ack_wait_s: float
    """The ack wait in force: that of the consumer, which may be older than the spec."""

    @abstractmethod
    def pop(self) -> Delivery | None:
        """The next message, which is the taker's to settle, in arrival order; None where none is there.

        What is not taken yet is kept from being delivered again meanwhile.
        """

    @abstractmethod
    async def wait(self, timeout_s: float | None) -> bool:
        """Return as soon as there is something to take, or False after ``timeout_s``.

        Raises:
            TransportError: nothing is there and nothing will ever arrive again (consumer deleted,
                transport closed).
        """

    async def receive(self, limit: int, timeout_s: float | None) -> Sequence[Delivery]:
        """Wait, then take up to ``limit``. Returns as soon as there is one, empty after ``timeout_s``.

        Raises `TransportError` as `wait` does.
        """
        await self.wait(timeout_s)
        taken: list[Delivery] = []
        while len(taken) < limit and (delivery := self.pop()) is not None:
            taken.append(delivery)
        return taken

    async def still_owned(self, delivery: Delivery) -> bool:
        """Whether a message that was taken is still the taker's, and not another reader's meanwhile.

        Waits while that is in doubt. Only partitioned receivers lose what was taken.
        """
        return True

    @abstractmethod
    async def backlog(self) -> int:
        """Messages that wait for this consumer or are not settled yet; 0 where nothing is stored."""

    @abstractmethod
    async def pause(self) -> None:
        """Receive no more, for good. What has arrived can still be taken, and what was taken settled."""

    @abstractmethod
    async def close(self) -> None:
        """Stop receiving. What was not taken is left for, or given back to, the consumer."""


class KeyValue(ABC):
    """What the readers of a durable write down for each other: a few bytes under a key.

    They last as long as the durable itself, or a week at least after they were written.
    """

    @abstractmethod
    async def get(self, key: str) -> bytes | None:
        """What was written last; None where there is nothing.

        Raises:
            TransportError: it is not known.
        """

    @abstractmethod
    async def put(self, key: str, value: bytes) -> None:
        """Write, over what was there. When it returns, the note survives whatever the durable does.

        Raises:
            TransportError: it is not written, or that is not known.
        """

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Forget it.

        Raises:
            TransportError: it may still be there.
        """


class Transport(ABC):
    """A way to a broker or to peers."""

    guarantees: Guarantees

    @property
    @abstractmethod
    def max_payload(self) -> int:
        """The largest payload in bytes that `publish` accepts."""

    @abstractmethod
    async def open(self) -> None:
        """Connect.

        Raises:
            ConnectionLostError: nothing answers.
            ConfigError: what answers cannot serve as asked.
        """

    @abstractmethod
    async def publish(self, message: OutgoingMessage) -> None:
        """Send one message; returns when it is as safe as the transport promises.

        Raises:
            PublishError: it was not accepted, or that is not known. Sending it again is safe where
                the transport dedupes.
        """

    @abstractmethod
    async def publish_many(self, messages: Iterable[OutgoingMessage]) -> int:
        """Send many, in order, without a round trip each. Returns how many there were.

        Raises:
            PublishError: ``unacknowledged`` holds the messages whose acceptance is not known.
        """

    @abstractmethod
    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        """Start to receive.

        Raises:
            ConfigError: the durable exists with other patterns; it is never rewritten.
        """

    @abstractmethod
    async def notes(self, durable: str) -> KeyValue:
        """The notes of a durable's readers.

        Raises:
            ConfigError: this transport keeps none, for it does not acknowledge.
            TransportError: they cannot be reached.
        """

    @abstractmethod
    async def fetch(self, channel: Channel, sequence: int) -> bytes | None:
        """The payload of a stored message; None where it is not there (any more).

        Raises:
            ConfigError: nothing is stored here.
            TransportError: it is not known, or not allowed.
        """

    @abstractmethod
    async def delete(self, channel: Channel, sequence: int) -> bool:
        """Delete a stored message for good; False where it is not there (any more).

        Its id stays known for as long as the transport dedupes by it, who has it already keeps it, and
        its bytes may stay on a disk for a while.

        Raises:
            ConfigError: nothing is stored here.
            TransportError: it is not known, or not allowed.
        """

    @abstractmethod
    async def close(self) -> None:
        """Flush what was sent and settled, and disconnect."""
