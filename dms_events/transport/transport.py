"""The seam that adapters implement: bytes out, bytes in, and what is promised about them.

A transport knows no JSON and no types. It is found by URL scheme through the entry point group
``dms_events.transports``. Users hold `dms_events.Bus`; they never touch this module.

The seam documents guarantees, not mechanics. Where a method's docstring is silent, nothing is promised.
No vendor's exception crosses it: an implementation raises `TransportError` and its subclasses only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Final, Literal

import msgspec

from ..errors import ConfigError
from ..types._secrets import Masked, SecretBytes
from .counts import PublishCounts
from .peer import Peer
from .receiver import Receiver
from .requests import Answer

__all__ = [
    "ACK_WAIT_S",
    "Channel",
    "Guarantees",
    "KeyValue",
    "OutgoingMessage",
    "SubscriptionSpec",
    "Transport",
]

ACK_WAIT_S: Final = 40.0
"""The default. A message that was sent into a dead link is delivered again after this time. A reader
gives a sign of life every third of it. It notices a dead link in 10 s, so its next sign comes in time."""

Channel = Literal["events", "requests", "dead"]
"""The three namespaces. They never overlap: a stream over one holds no message of another."""


class OutgoingMessage(Masked, msgspec.Struct, frozen=True, gc=False):
    """One message that is ready to send. It keeps its identity, so sending it again is safe.

    Its repr does not show the payload.
    """

    channel: Channel
    type_name: str
    source: str
    id: str
    data: SecretBytes
    is_shared: bool = False
    """Others publish this message too, so it may be stored already."""


class SubscriptionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The messages that a subscription asks for, and how they are delivered.

    ``patterns`` are ``module.Type``, ``module.*`` or ``*``. A ``durable`` is one consumer with one set
    of patterns; all who subscribe under its name share it. ``start`` counts for a new consumer only.
    ``partitioned``: each part of the sources has one reader at a time, which gets all of that part.
    """

    channel: Channel = "events"
    patterns: tuple[str, ...]
    types: tuple[str, ...] = ()
    """The type names that the patterns match, sorted; for brokers that know no wildcards."""
    durable: str | None = None
    start: Literal["all", "new"] = "all"
    prefetch: int = 500
    ack_wait_s: float = ACK_WAIT_S
    partitioned: bool = False
    must_exist: bool = False
    """A durable that does not exist is an error; it is not created."""


class Guarantees(msgspec.Struct, frozen=True, kw_only=True):
    """The promises of a transport; the contract suite checks exactly these."""

    acknowledges: bool
    """ack, nak with delay, term and in-progress take effect; a message not acked is delivered again."""
    durable: bool
    """A durable survives the death of its reader, and published messages survive that of the broker."""
    dedupes: bool
    """A second publish of the same id, soon after the first, is accepted and not delivered again."""
    full: Literal["error", "drop"]
    """The effect of missing room: a PublishError, or a drop that the reader counts."""
    ordered: bool
    """The messages of one publisher arrive in the order of publishing, except for redeliveries."""
    authenticates: bool
    """The source of a message is proved: it is the publishing node, whatever its bus was told."""


class KeyValue(ABC):
    """Notes that the readers of a durable write for each other: a few bytes under a key.

    A note lasts as long as the durable itself, or at least a week after it was written.
    """

    @abstractmethod
    async def get(self, key: str) -> bytes | None:
        """Return the value written last under ``key``; None if there is no value.

        Raises:
            TransportError: the value is not known.
        """

    @abstractmethod
    async def put(self, key: str, value: bytes) -> None:
        """Write a note, over an earlier one. From then on it survives all that the durable survives.

        Raises:
            TransportError: the note is not written, or it is not known whether it is.
        """

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Delete a note.

        Raises:
            TransportError: the note may still be there.
        """


class Transport(ABC):
    """A way to a broker or to peers."""

    guarantees: Guarantees

    @property
    @abstractmethod
    def where(self) -> str:
        """The broker and the root of its names, as a text for people; without passwords."""

    @property
    @abstractmethod
    def max_payload(self) -> int:
        """The largest payload in bytes that `publish` accepts."""

    @abstractmethod
    async def open(self) -> None:
        """Connect.

        Raises:
            ConnectionLostError: no broker or peer answers.
            ConfigError: the one that answers cannot serve as asked.
        """

    @abstractmethod
    async def publish(self, message: OutgoingMessage) -> None:
        """Send one message. Returns when the message is as safe as the transport promises.

        Raises:
            PublishError: the message was not accepted, or it is not known whether it was. Sending it
                again is safe where the transport dedupes.
        """

    @abstractmethod
    async def publish_many(self, messages: Iterable[OutgoingMessage]) -> int:
        """Send many messages, in order, without a round trip for each. Returns their number.

        Raises:
            PublishError: ``unacknowledged`` holds the messages whose acceptance is not known.
            CancelledError: its ``__cause__`` is such a `PublishError` if messages were still open.
        """

    @property
    def publish_counts(self) -> PublishCounts:
        """Counts of the broker's other answers to published messages, beside acceptance."""
        return PublishCounts()

    @property
    def peers(self) -> tuple[Peer, ...]:
        """The connected nodes, sorted by id; empty with a broker, and before `open`."""
        return ()

    @abstractmethod
    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        """Start to receive.

        Raises:
            ConfigError: the durable exists with other patterns; a durable is never rewritten.
        """

    @abstractmethod
    async def notes(self, durable: str) -> KeyValue:
        """Return the notes of a durable's readers.

        Raises:
            ConfigError: this transport keeps no notes, since it does not acknowledge.
            TransportError: the notes cannot be reached.
        """

    @abstractmethod
    async def readers(self, message: OutgoingMessage, durable: str = "") -> Sequence[str]:
        """Return the durables that would get an event if it was published now, sorted by name.

        If ``durable`` is given, only that durable is looked for.

        Raises:
            ConfigError: this transport stores nothing.
            TransportError: the durables are not known.
        """

    @abstractmethod
    async def fetch(self, channel: Channel, sequence: int) -> bytes | None:
        """Return the payload of a stored message; None if the message is not there (any more).

        Raises:
            ConfigError: this transport stores nothing.
            TransportError: the answer is not known, or reading is not allowed.
        """

    @abstractmethod
    async def delete(self, channel: Channel, sequence: int) -> bool:
        """Delete a stored message for good. Returns False if the message is not there (any more).

        The id stays known for as long as the transport dedupes by it. Readers that have the message
        already keep it, and its bytes may stay on a disk for a while.

        Raises:
            ConfigError: this transport stores nothing.
            TransportError: the outcome is not known, or deleting is not allowed.
        """

    async def request(self, message: OutgoingMessage, to: str, timeout_s: float) -> bytes:
        """Send a request, and return the answer of one responder.

        Cancelling this call ends all that it started here. The responder is not told.

        Args:
            message: the request, on the channel ``requests``.
            to: the peer that shall answer, where a transport addresses peers; else empty.
            timeout_s: how long to wait, above 0.

        Raises:
            ConfigError: ``to`` is not possible, or is missing; or this transport has no requests.
            NoResponderError: nobody (at ``to``) answers requests of this type; raised at once.
            RequestTimeoutError: no answer came in time.
            RequestError: the request cannot be sent, or the reply is not an answer.
            ConnectionLostError: there is no connection, or it ended before the answer came.
        """
        raise ConfigError("request", f"{type(self).__name__} has no requests and replies")

    def respond(self, type_name: str, answer: Answer) -> AbstractAsyncContextManager[None]:
        """Have requests of a type answered, for as long as the context lasts.

        ``answer`` is called for each request at once, concurrently, and its result is sent. Leaving the
        context takes no more requests, then waits for the answers that are being made. Several
        responders share the requests that are not addressed to one of them.

        Raises:
            ConfigError: this transport has no requests, or the type already has a responder and the
                two cannot share the requests.
            TransportError: the outcome is not known, or responding is not allowed.
        """
        raise ConfigError("respond", f"{type(self).__name__} has no requests and replies")

    @abstractmethod
    async def close(self) -> None:
        """Flush the messages that were sent and the acknowledgements, and disconnect."""
