"""The seam's message: a delivery, with its position and the methods that settle it."""

from __future__ import annotations

import time
from collections.abc import Coroutine, Mapping
from typing import Any

from ..errors import TransportError
from ..identity import id_of_position

__all__ = ["Delivery", "arrival_ns"]

_last_ns = 0


def arrival_ns() -> int:
    """Return the time in ns since 1970. It grows with every call in a process; call it in one thread.

    So it can be the `Delivery.stored_ns` of messages that are not stored.
    """
    global _last_ns  # noqa: PLW0603
    _last_ns = max(time.time_ns(), _last_ns + 1)
    return _last_ns


class Delivery:
    """One message that arrived, as a transport hands it out. Each transport has its own subclass.

    **To write**, as properties or as plain attributes:

    * always: `data` and `stored_ns`;
    * if the transport tells them: `type_name`, `source`, `subject`, `message_id` and `headers`;
    * if the transport acknowledges: `sequence`, `attempt`, `ack` and `nak`; also `in_progress`, if the
      receiver has an ack wait.

    The defaults fit a message that is delivered once and stored nowhere. A `msgspec.Struct` makes a good
    delivery: ``class MyDelivery(Delivery, msgspec.Struct, eq=False)``. The repr shows no payload.

    The library reads and settles deliveries in the event loop of their receiver. Settling (`ack`, `nak`,
    `term`) takes effect at the broker some time later. If the connection is lost, it may never take
    effect: then the message is delivered again, and that is no error. Settling twice does nothing. The
    methods raise TransportError if the broker refuses, and `ConnectionLostError` if the transport is
    closed.
    """

    __slots__ = ()

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("subject", self.subject), ("sequence", self.sequence), ("attempt", self.attempt)]

    def __repr__(self) -> str:
        shown = " ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"<{type(self).__name__} {shown}>"

    @property
    def data(self) -> bytes:
        """The payload as it arrived. To write."""
        raise NotImplementedError

    @property
    def stored_ns(self) -> int:
        """The time at which the broker stored the message, in ns since 1970. To write.

        Every delivery of a message has the same time. If the message is not stored, it is the time of
        arrival, and `arrival_ns` gives each message its own.
        """
        raise NotImplementedError

    @property
    def type_name(self) -> str:
        """The type name of the publication, as ``module.Type``; empty (the default) if not known."""
        return ""

    @property
    def source(self) -> str:
        """The publisher by the transport's own word; empty (the default) if the transport names none.

        It is never a claim of the payload.
        """
        return ""

    @property
    def subject(self) -> str:
        """The place of publication in the transport's own terms, for people; by default the type name.

        Every delivery of a message has the same.
        """
        return self.type_name

    @property
    def message_id(self) -> str:
        """The id that the publisher gave to the transport; empty (the default) if it gave none."""
        return ""

    @property
    def headers(self) -> Mapping[str, str] | None:
        """The headers that the publisher sent beside the payload; None (the default) for none."""
        return None

    @property
    def size(self) -> int:
        """Bytes of the payload, headers and names, all chosen by the publisher: buffers count them.

        The default counts the payload and the names.
        """
        return len(self.data) + len(self.subject) + len(self.source) + len(self.message_id)

    @property
    def sequence(self) -> int:
        """The number of the message in its stream, from 1; 0 (the default) if it is not stored.

        Every delivery of a message has the same number.
        """
        return 0

    @property
    def attempt(self) -> int:
        """The number of deliveries of this message to its durable, this one included; never too low.

        The default is 1, for a message that is delivered once.
        """
        return 1

    @property
    def possibly_replayed(self) -> bool:
        """True if the message may be an old one that somebody sent again.

        False (the default) if the transport rules that out, or cannot know it.
        """
        return False

    @property
    def position(self) -> int:
        """The message's sequence × 2^64, plus its `stored_ns`.

        Every delivery of a stored message has the same position, and two messages never share one: a
        message that gets a sequence which was used before is stored later. A later message of a stream
        has a higher position.
        """
        return self.sequence << 64 | self.stored_ns

    @property
    def position_id(self) -> str:
        """The id of the message if its publisher gave none: the same UUID for every delivery of it.

        The default is made of subject, sequence and `stored_ns`. Use `dms_events.identity.id_of_position`
        if the stream has a better name than the subject.
        """
        return id_of_position(self.subject, self.sequence, self.stored_ns)

    async def ack(self) -> None:
        """The message is done: do not deliver it again. By default there is nothing to do."""

    def ack_soon(self) -> bool:
        """Do the same as `ack` without a wait, a turn of the event loop later, and return True.

        Return False (the default) if that is not possible: then the caller awaits `ack`. A worker calls
        it for each message that it handled.
        """
        return False

    def nak(self, delay_s: float = 0.0) -> Coroutine[Any, Any, None]:
        """The message is not done: deliver it again after ``delay_s`` seconds, or later.

        Raises:
            TransportError: the message is not stored. The call itself raises, not its awaitable.
        """
        raise TransportError(
            "it was delivered once; only what a durable delivered can be given back"
        )

    def term(self) -> Coroutine[Any, Any, None]:
        """The message will never be done: do not deliver it again. By default the same as `ack`."""
        return self.ack()

    async def in_progress(self) -> None:
        """The message is being worked on: count the ack wait from now. By default nothing happens.

        A reader calls it every third of the receiver's ack wait, for each message that it holds.
        """
