"""The seam that adapters implement: bytes out, bytes in, and what is promised about them.

A transport knows no JSON and no types. It is found by URL scheme through the entry point group
``dms_events.transports``. Users hold `dms_events.Bus`; they never touch this module.

The seam documents guarantees, not mechanics. Where a method's docstring is silent, nothing is promised.
No vendor's exception crosses it: an implementation raises `TransportError` and its subclasses only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from .types._secrets import Masked, SecretBytes

__all__ = ["Channel", "Delivery", "Guarantees", "Inbox", "Interest", "Prepared", "Transport"]

Channel = Literal["events", "requests", "dead"]
"""The three namespaces. They never overlap, so that a stream over one holds nothing of another."""


class Prepared(Masked, msgspec.Struct, frozen=True, gc=False):
    """One message ready to send. It keeps its identity, so sending it again is safe.

    Its repr does not show the payload.
    """

    channel: Channel
    type_name: str
    source: str
    id: str
    data: SecretBytes


class Interest(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscription wants.

    ``patterns`` are ``module.Type``, ``module.*`` or ``*``. A ``durable`` is one consumer with one set
    of patterns, shared by whoever subscribes under its name. ``start`` counts for a new consumer only.
    """

    channel: Channel = "events"
    patterns: tuple[str, ...]
    durable: str | None = None
    start: Literal["all", "new"] = "all"
    prefetch: int = 500
    ack_wait_s: float = 60.0


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


class Delivery(ABC):
    """One message that arrived.

    Settling (ack, nak, term) takes effect at the broker some time later, or never where the connection
    is lost: then the message is delivered again. Settling twice does nothing.
    """

    __slots__ = ()

    data: bytes
    """The payload as it arrived."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it was published, in the transport's own terms, for people to read."""

    @property
    @abstractmethod
    def routed_as(self) -> str:
        """The type name it was published under, as ``module.Type``; empty where that is not known."""

    @property
    @abstractmethod
    def source(self) -> str:
        """Who published it, as far as the transport can tell; empty where it cannot."""

    @property
    @abstractmethod
    def attempt(self) -> int:
        """How often this message was delivered, this time included: at least 1, never less than true."""

    @property
    @abstractmethod
    def claimed_id(self) -> str:
        """The id its publisher gave to the transport; empty where it gave none."""

    @property
    @abstractmethod
    def sequence(self) -> int:
        """Its position in the stream, the same for every delivery of it; 0 where nothing is stored."""

    @property
    @abstractmethod
    def place_id(self) -> str:
        """A deterministic id of where it lies: the same for every delivery of the same message."""

    @property
    @abstractmethod
    def stored_ns(self) -> int:
        """When the broker stored it, in ns since 1970; of the arrival where nothing is stored."""

    @abstractmethod
    async def ack(self) -> None:
        """It is done: do not deliver it again."""

    @abstractmethod
    async def nak(self, delay_s: float = 0.0) -> None:
        """It is not done: deliver it again after ``delay_s``."""

    @abstractmethod
    async def term(self) -> None:
        """It will never be done: do not deliver it again."""

    @abstractmethod
    async def in_progress(self) -> None:
        """It is being worked on: count the ack wait from now."""


class Inbox(ABC):
    """One subscription at a transport."""

    dropped: int = 0
    """Messages that arrived and were thrown away for want of room."""

    ack_wait_s: float
    """The ack wait in force: that of the consumer, which may be older than the interest."""

    @abstractmethod
    async def receive(self, limit: int, timeout_s: float | None) -> Sequence[Delivery]:
        """Wait for messages and take up to ``limit`` that are there, in arrival order.

        Returns as soon as there is one, empty after ``timeout_s``. Cancelling it loses nothing.

        Raises:
            TransportError: nothing will ever arrive again (consumer deleted, transport closed).
        """

    @abstractmethod
    async def backlog(self) -> int:
        """Messages that wait for this consumer or are not settled yet; 0 where nothing is stored."""

    @abstractmethod
    async def close(self) -> None:
        """Stop receiving. What was not taken is left for, or given back to, the consumer."""


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
    async def publish(self, message: Prepared) -> None:
        """Send one message; returns when it is as safe as the transport promises.

        Raises:
            PublishError: it was not accepted, or that is not known. Sending it again is safe where
                the transport dedupes.
        """

    @abstractmethod
    async def publish_many(self, messages: Iterable[Prepared]) -> int:
        """Send many, in order, without a round trip each. Returns how many there were.

        Raises:
            PublishError: ``unacknowledged`` holds the messages whose acceptance is not known.
        """

    @abstractmethod
    async def subscribe(self, interest: Interest) -> Inbox:
        """Start to receive.

        Raises:
            ConfigError: the durable exists with other patterns; it is never rewritten.
        """

    @abstractmethod
    async def close(self) -> None:
        """Flush what was sent and settled, and disconnect."""
