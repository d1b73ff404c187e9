"""The reading side of the seam: a delivered message, and the receiver that hands messages out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from .drops import Drops

__all__ = ["Delivery", "Receiver"]


class Delivery(Protocol):
    """One message that arrived. It is a protocol, so an object of a client library can be a delivery.

    Settling (ack, nak, term) takes effect at the broker some time later. If the connection is lost, it
    may never take effect: then the message is delivered again. Settling twice does nothing.
    """

    @property
    def data(self) -> bytes:
        """The payload as it arrived."""

    @property
    def size(self) -> int:
        """Bytes of the payload, headers and names, all chosen by the publisher: buffers count them."""

    @property
    def subject(self) -> str:
        """The subject of the message, in the transport's own terms, for people to read."""

    @property
    def type_name(self) -> str:
        """The type name of the publication, as ``module.Type``; empty if it is not known."""

    @property
    def source(self) -> str:
        """The publisher by the transport's own word; empty if the transport names none (token ``_``).

        It is never a claim of the payload.
        """

    @property
    def attempt(self) -> int:
        """Number of deliveries of this message, this one included; at least 1, never too low."""

    @property
    def possibly_replayed(self) -> bool:
        """True if the message may be an old one that somebody sent again.

        False if the transport rules that out, or cannot know it.
        """

    @property
    def message_id(self) -> str:
        """The id that the publisher gave to the transport; empty if it gave none."""

    @property
    def headers(self) -> Mapping[str, str] | None:
        """The headers that the publisher sent beside the payload; None if there are none."""

    @property
    def sequence(self) -> int:
        """Position of the message in the stream, the same for every delivery; 0 if it is not stored."""

    @property
    def position(self) -> int:
        """The message's sequence × 2^64, plus the time in ns at which it was stored.

        Every delivery of a stored message has the same position, and two messages never share one: a
        message that gets a sequence which was used before is stored later.
        """

    @property
    def position_id(self) -> str:
        """UUIDv5 of (stream, sequence, time stored): the same for every delivery of a stored message.

        If the message is not stored: UUIDv5 of (broker, number, time of arrival).
        """

    @property
    def stored_ns(self) -> int:
        """Time at which the broker stored it, in ns since 1970; time of arrival if it is not stored."""

    async def ack(self) -> None:
        """The message is done: do not deliver it again."""

    def ack_soon(self) -> None:
        """Like `ack`, without a wait: it takes effect a turn of the event loop later."""

    async def nak(self, delay_s: float = 0.0) -> None:
        """The message is not done: deliver it again after ``delay_s``.

        If the message is not stored, the call itself raises TransportError, not its awaitable.
        """

    async def term(self) -> None:
        """The message will never be done: do not deliver it again."""

    async def in_progress(self) -> None:
        """The message is being worked on: count the ack wait from now."""


class Receiver(ABC):
    """One subscription at a transport."""

    drops: Drops | None = None
    """Counts messages that are thrown away for want of room; None if that never happens."""

    possibly_replayed: int = 0
    """Messages of this receiver that may have been replayed (`Delivery.possibly_replayed`)."""

    made_beside: tuple[str, ...] | None = None
    """The names of other durables, as far as known, if this receiver created its own; else None."""

    most_unsettled: int | None = None
    """Most unsettled messages that the durable hands out to all its readers together; None if there is no
    limit, or it is not known. At the limit the broker delivers no new message."""

    ack_wait_s: float
    """The ack wait in force: the consumer's. An older consumer may have another one than the spec."""

    @abstractmethod
    def pop(self) -> Delivery | None:
        """Take the next message, in arrival order; None if there is none. The caller must settle it.

        Messages not taken yet are not delivered again meanwhile: the receiver sees to that.
        """

    @abstractmethod
    async def wait(self, timeout_s: float | None) -> bool:
        """Return True as soon as there is a message to take, or False after ``timeout_s``.

        Raises:
            TransportError: no message is there and none will ever arrive again (consumer deleted,
                transport closed).
        """

    async def receive(self, limit: int, timeout_s: float | None) -> Sequence[Delivery]:
        """Wait for a message, then take up to ``limit``. Returns an empty list after ``timeout_s``.

        Raises `TransportError` as `wait` does.
        """
        await self.wait(timeout_s)
        taken: list[Delivery] = []
        while len(taken) < limit and (delivery := self.pop()) is not None:
            taken.append(delivery)
        return taken

    async def still_owned(self, delivery: Delivery) -> bool:
        """True if this reader still owns a message that it took; False if another reader owns it now.

        Waits while the owner is in doubt. Only partitioned receivers lose messages that they took.
        """
        return True

    @abstractmethod
    async def backlog(self) -> int:
        """Number of messages that wait for this consumer or are not settled; 0 if nothing is stored."""

    @abstractmethod
    async def pause(self) -> None:
        """Receive no more, for good. Messages that arrived can still be taken, and settled."""

    @abstractmethod
    async def close(self) -> None:
        """Stop receiving. Messages not taken are left for the consumer, or given back to it."""
