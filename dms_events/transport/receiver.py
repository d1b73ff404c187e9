"""The reading side of the seam: a delivered message, and the receiver that hands messages out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from .drops import Drops

__all__ = ["Delivery", "Receiver"]


class Delivery(Protocol):
    """One message that arrived; a protocol, so that what a client library makes of it can be one.

    Settling (ack, nak, term) takes effect at the broker some time later, or never where the connection
    is lost: then the message is delivered again. Settling twice does nothing.
    """

    @property
    def data(self) -> bytes:
        """The payload as it arrived."""

    @property
    def size(self) -> int:
        """Bytes of all that its publisher chose, payload, headers and names: buffers count them."""

    @property
    def subject(self) -> str:
        """The subject it was published on, in the transport's own terms, for people to read."""

    @property
    def type_name(self) -> str:
        """The type name it was published under, as ``module.Type``; empty where that is not known."""

    @property
    def source(self) -> str:
        """Who published it, by the transport's own word; empty where it has none (the token ``_``).

        Never what the payload claims.
        """

    @property
    def attempt(self) -> int:
        """How often this message was delivered, this time included: at least 1, never less than true."""

    @property
    def possibly_replayed(self) -> bool:
        """True if it may have been published long ago, and sent again by somebody since.

        False where the transport rules that out, or cannot know.
        """

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
    def position(self) -> int:
        """Its sequence × 2^64, plus the time in ns at which it was stored.

        The same for every delivery of a stored message, and another one for each other message: a
        message that gets a sequence which was used before is stored later.
        """

    @property
    def position_id(self) -> str:
        """UUIDv5 of (stream, sequence, time stored): the same for every delivery of a stored message.

        Where nothing is stored: of (broker, number, time of arrival).
        """

    @property
    def stored_ns(self) -> int:
        """When the broker stored it, in ns since 1970; of the arrival where nothing is stored."""

    async def ack(self) -> None:
        """It is done: do not deliver it again."""

    def ack_soon(self) -> None:
        """What `ack` does, without a wait: it takes effect a turn of the event loop later."""

    async def nak(self, delay_s: float = 0.0) -> None:
        """It is not done: deliver it again after ``delay_s``.

        Where nothing is stored, the call itself raises TransportError, and not its awaitable.
        """

    async def term(self) -> None:
        """It will never be done: do not deliver it again."""

    async def in_progress(self) -> None:
        """It is being worked on: count the ack wait from now."""


class Receiver(ABC):
    """One subscription at a transport."""

    drops: Drops | None = None
    """Messages that arrive and are thrown away for want of room; None where that never happens."""

    possibly_replayed: int = 0
    """Messages that it held and that may have been replayed (`Delivery.possibly_replayed`)."""

    made_beside: tuple[str, ...] | None = None
    """Where it made its durable, which was not there: the names of others, as far as they are known."""

    most_unsettled: int | None = None
    """How many messages its durable hands out to all readers before one of them is settled; None where
    that has no limit, or is not known. At the limit the broker delivers nothing new."""

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
