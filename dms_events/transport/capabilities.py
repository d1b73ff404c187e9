"""What a transport can do beyond events. Each capability is a class that a transport may inherit too.

Nobody has to know them to write a transport. The library asks `Transport.capability` for the one that it
needs. Where a capability is missing, the call of the user that needs it is a `ConfigError`; where the
library can do without, it does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, TypeVar

from ..errors import ConfigError
from .counts import PublishCounts
from .delivery import Delivery
from .peer import Peer
from .positions import StreamPosition
from .requests import Answer
from .transport import Channel, OutgoingMessage, Transport

__all__ = [
    "Capability",
    "KeyValue",
    "SupportsDeadLetters",
    "SupportsNotes",
    "SupportsOwnership",
    "SupportsPeers",
    "SupportsPosition",
    "SupportsPublishCounts",
    "SupportsRequests",
    "needed",
]


class Capability(ABC):
    """Base of the capabilities of transports."""

    about: ClassVar[str]
    """Its object, for the error that it is missing: "… has no ``about``"."""


C = TypeVar("C", bound=Capability)


def needed(transport: Transport, kind: type[C]) -> C:
    """Return a capability of a transport.

    Raises:
        ConfigError: the transport does not have it.
    """
    found = transport.capability(kind)
    if found is None:
        raise ConfigError("transport", f"{type(transport).__name__} has no {kind.about}")
    return found


class SupportsDeadLetters(Capability):
    """Looks up and deletes stored messages, so that dead letters can be replayed and dropped.

    To write and to find dead letters takes a transport that acknowledges, and no more.
    """

    about = "dead letters that can be replayed or dropped"

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

        The message leaves the backlog of each durable and is delivered to nobody again. There is room
        for another one (`Guarantees.full`). Its number is not used again, and its id stays known for as
        long as the transport dedupes by it. Readers that have the message already keep it, and its
        bytes may stay on a disk for a while.

        Raises:
            ConfigError: this transport stores nothing.
            TransportError: the outcome is not known, or deleting is not allowed.
        """

    @abstractmethod
    async def readers(self, message: OutgoingMessage, durable: str = "") -> Sequence[str]:
        """Return the durables that would get an event if it was published now, sorted by name.

        If ``durable`` is given, only that durable is looked for.

        Raises:
            ConfigError: this transport stores nothing.
            TransportError: the durables are not known.
        """


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


class SupportsNotes(Capability):
    """Keeps notes for the workers of a durable: how often each message was tried.

    Without it a worker keeps them in its own memory: after its death, attempts are counted anew, and a
    message that kills the process is not recognized.
    """

    about = "notes of readers"

    @abstractmethod
    async def notes(self, durable: str) -> KeyValue:
        """Return the notes of a durable's readers.

        Raises:
            ConfigError: this transport keeps no notes, since it does not acknowledge.
            TransportError: the notes cannot be reached.
        """


class SupportsRequests(Capability):
    """Carries requests, and their answers back."""

    about = "requests and replies"

    @abstractmethod
    async def request(self, message: OutgoingMessage, to: str, timeout_s: float) -> bytes:
        """Send a request, and return the answer of one responder.

        Cancelling this call ends all that it started here. The responder is not told.

        Args:
            message: the request, on the channel ``requests``.
            to: the peer that shall answer, where a transport addresses peers; else empty.
            timeout_s: how long to wait, above 0.

        Raises:
            ConfigError: ``to`` is not possible, or is missing.
            NoResponderError: nobody (at ``to``) answers requests of this type; raised at once.
            RequestTimeoutError: no answer came in time.
            RequestError: the request cannot be sent, or the reply is not an answer.
            ConnectionLostError: there is no connection, or it ended before the answer came.
        """

    @abstractmethod
    def respond(self, type_name: str, answer: Answer) -> AbstractAsyncContextManager[None]:
        """Have requests of a type answered, for as long as the context lasts.

        ``answer`` is called for each request at once, concurrently, and its result is sent. Leaving the
        context takes no more requests, then waits for the answers that are being made. Several
        responders share the requests that are not addressed to one of them.

        Raises:
            ConfigError: the type already has a responder, and the two cannot share the requests.
            TransportError: the outcome is not known, or responding is not allowed.
        """


class SupportsPeers(Capability):
    """Is connected to other nodes, and not to a broker."""

    about = "peers"

    @property
    @abstractmethod
    def peers(self) -> tuple[Peer, ...]:
        """The connected nodes, sorted by id; empty before `Transport.open`."""


class SupportsPosition(Capability):
    """Tells what the events stream holds, and how far a durable has come in it."""

    about = "positions of durables"

    @abstractmethod
    async def position(self, durable: str) -> StreamPosition:
        """Return the part of the events stream that is stored now, and the durable's position in it.

        Raises:
            ConfigError: this transport stores nothing, or the name cannot be that of a durable.
            TransportError: the answer is not known, or asking is not allowed.
        """


class SupportsPublishCounts(Capability):
    """Counts the broker's other answers to published messages, beside acceptance."""

    about = "counts of published messages"

    @property
    @abstractmethod
    def publish_counts(self) -> PublishCounts:
        """The counts since the transport was opened."""


class SupportsOwnership(ABC):
    """A receiver may inherit it, if another reader can become the owner of messages that it handed out.

    Only partitioned receivers lose messages that they handed out.
    """

    @abstractmethod
    async def still_owned(self, delivery: Delivery) -> bool:
        """True if this reader still owns a message that it took; False if another reader owns it now.

        Waits while the owner is in doubt.
        """
