"""The reading side of the seam: the receiver that hands out messages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import inf

import msgspec

from .delivery import Delivery
from .drops import Drops

__all__ = ["DurableFacts", "Receiver"]


class DurableFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about the durable that a receiver reads, as far as its broker tells them."""

    is_new: bool | None = None
    """True if this receiver created the durable, False if the durable was there; None if not known."""
    others: tuple[str, ...] = ()
    """The names of other durables, as far as known, if this receiver created its own."""
    most_unsettled: int | None = None
    """Most unsettled messages that the durable hands out to all its readers together; None if there is no
    limit, or it is not known. At the limit the broker delivers no new message."""


class Receiver(ABC):
    """One subscription at a transport; `Transport.subscribe` makes it.

    **To write**: `pop` and `wait` (a `BufferedReceiver` has them), `close` if there is something to end,
    and `backlog` if the transport stores messages. A receiver whose deliveries count an ack wait sets
    `ack_wait_s`.

    All methods are called in the event loop in which the transport was opened. One task at a time waits
    and takes messages; the other methods may be called meanwhile.
    """

    ack_wait_s: float = inf
    """How long a message may stay unsettled until it is delivered again, in seconds. By default without
    limit. A durable keeps the ack wait with which it was made, whatever is asked for later: give that."""

    facts: DurableFacts = DurableFacts()
    """Facts about the durable. A worker logs whether its durable is new, if that is known."""

    drops: Drops | None = None
    """Counts messages that are thrown away for want of room; None if that never happens."""

    possibly_replayed: int = 0
    """Messages of this receiver that may have been replayed (`Delivery.possibly_replayed`)."""

    @abstractmethod
    def pop(self) -> Delivery | None:
        """Take the next message, in arrival order; None if there is none. It is called for each message.

        The caller must settle the message. Messages that are here and not taken yet are not delivered
        again meanwhile: the receiver sees to that.
        """

    @abstractmethod
    async def wait(self, timeout_s: float | None) -> bool:
        """Return True as soon as there is a message to take, or False after ``timeout_s`` seconds.

        None waits without limit. A cancelled wait loses no message.

        Raises:
            TransportError: no message is here and none will ever arrive again: the receiver or its
                transport was closed (`ConnectionLostError`), or the durable is gone, for example.
        """

    async def backlog(self) -> int:
        """Return the number of messages that wait for this reader's durable or are not settled.

        Asked for now and then: by a command, by a worker that ends when nothing waits, and before dead
        letters are read. The default is 0, for a transport that stores nothing.

        Raises:
            TransportError: the number is not known.
        """
        return 0

    async def pause(self) -> bool:
        """Receive no more, for good: the reader is about to end. Messages may still be settled.

        Return True if messages that arrived here before can still be taken: then `pop` is called until
        it returns None. Return False (the default) if nobody shall take them: they are left where they
        are, and `pop` and `wait` are not called any more. May be called twice.
        """
        return False

    async def close(self) -> None:  # noqa: B027 - a default, not a demand
        """End the receiver. `wait` raises from now on, in a task that waits already, too.

        Messages not taken are left for the durable, or given back to it at once. A durable stays; a
        consumer without a name is deleted. May be called twice, and after the transport was closed. By
        default nothing happens.
        """
