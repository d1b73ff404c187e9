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
"""The default. What went into a dead link comes after it. A reader gives a sign of life every third of
it, so one whose link dies, which takes 10 s to notice, gives its next sign in time."""

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
    is_shared: bool = False
    """Others publish it too, so that it is no surprise if it is stored already."""


class SubscriptionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a subscription wants.

    ``patterns`` are ``module.Type``, ``module.*`` or ``*``. A ``durable`` is one consumer with one set
    of patterns, shared by whoever subscribes under its name. ``start`` counts for a new consumer only.
    ``partitioned``: of each part of the sources there is one reader at a time, which has all of it.
    """

    channel: Channel = "events"
    patterns: tuple[str, ...]
    types: tuple[str, ...] = ()
    """The type names that the patterns stand for, where the broker knows no wildcards; sorted."""
    durable: str | None = None
    start: Literal["all", "new"] = "all"
    prefetch: int = 500
    ack_wait_s: float = ACK_WAIT_S
    partitioned: bool = False
    must_exist: bool = False
    """A durable that is not there is an error, and not made."""


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
    ordered: bool
    """What one publisher published arrives in its order, until something is delivered again."""
    authenticates: bool
    """The source of a message is proved, and is the node that published it whatever its bus was told."""


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
    def where(self) -> str:
        """The broker, and the root of its names, for people to read; without passwords."""

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
            CancelledError: its ``__cause__`` is such a `PublishError`, where messages were open.
        """

    @property
    def publish_counts(self) -> PublishCounts:
        """What the broker said of published messages beside that it accepted them."""
        return PublishCounts()

    @property
    def peers(self) -> tuple[Peer, ...]:
        """The nodes that are connected, sorted by id; empty where there is a broker, or before `open`."""
        return ()

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
    async def readers(self, message: OutgoingMessage, durable: str = "") -> Sequence[str]:
        """The durables that would get an event if it was published now, sorted by name.

        If ``durable`` is named, only that one is looked for.

        Raises:
            ConfigError: nothing is stored here.
            TransportError: they are not known.
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

    async def request(self, message: OutgoingMessage, to: str, timeout_s: float) -> bytes:
        """Send a request, and return the answer of one responder.

        To cancel it ends all that it started here. A responder is not told.

        Args:
            message: on the channel ``requests``.
            to: who is to answer, where a transport addresses peers; else empty.
            timeout_s: how long to wait, above 0.

        Raises:
            ConfigError: ``to`` cannot be, or is missing; or there are no requests here.
            NoResponderError: nobody answers requests of this type (there); at once.
            RequestTimeoutError: no answer came in time.
            RequestError: it cannot be sent, or what came is no answer.
            ConnectionLostError: there is no connection, or it ended before the answer came.
        """
        raise ConfigError("request", f"{type(self).__name__} has no requests and replies")

    def respond(self, type_name: str, answer: Answer) -> AbstractAsyncContextManager[None]:
        """Have requests of a type answered, for as long as the context lasts.

        ``answer`` is called for each request at once, beside the others, and what it returns is sent.
        Leaving the context takes no more requests, then waits for the answers that are being made.
        Several responders share the requests, where a request is not addressed to one of them.

        Raises:
            ConfigError: there are no requests here, or the type has a responder already that it cannot
                share them with.
            TransportError: it is not known, or not allowed.
        """
        raise ConfigError("respond", f"{type(self).__name__} has no requests and replies")

    @abstractmethod
    async def close(self) -> None:
        """Flush what was sent and settled, and disconnect."""
