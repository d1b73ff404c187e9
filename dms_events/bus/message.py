"""A received message: the typed event, its identity, source and time, and its ack, nak and term."""

from __future__ import annotations

from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from ..envelope import Envelope, decode_envelope
from ..errors import DecodeError
from ..identity import parse_rfc3339
from ..transport import Delivery

__all__ = ["Message"]

T_co = TypeVar("T_co", bound=msgspec.Struct, covariant=True)


class Message(msgspec.Struct, Generic[T_co], eq=False, gc=False):
    """An event, its sender and time, and the methods that settle it.

    Settle each message once: `ack`, `nak` or `term`. A message that is not settled is delivered again
    after the subscription's ack wait; `in_progress` asks for more time. Later calls do nothing.
    """

    event: T_co
    """The typed event."""
    type_name: str
    """Its registry name."""
    envelope: Envelope
    """The envelope it came in."""
    delivery: Delivery
    """The message as the transport delivered it."""
    transport_source: str
    """The source as the transport knows it; empty under the token ``_``.

    On NATS that is the token in the subject, which the server's permissions can enforce."""
    canonical: bool = True
    """False if the event's JSON may differ from that of this release, by unknown keys for example."""
    returned: bool = False
    """True if the message was given back with `nak`."""
    _id: str = ""

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        # A Struct's own would show the payload.
        return [("id", self.id), ("attempt", self.attempt)]

    def __repr__(self) -> str:
        return f"<Message {self.type_name} id={self.id} attempt={self.attempt}>"

    @property
    def id(self) -> str:
        """The event's ID: the envelope's, else the transport's message id, else the id of its position.

        The sender chooses the ID. To recognize an event, compare `identity`.
        """
        if not self._id:
            self._id = event_id(self.envelope, self.delivery)
        return self._id

    @property
    def identity(self) -> str:
        """The event's identity: its source as the transport knows it, a space, and its ID.

        The same ID from another source is another event. Under the token ``_`` the source is ``_`` here,
        whatever the envelope claims.
        """
        return f"{self.transport_source or '_'} {self.envelope.id or self.id}"

    @property
    def source(self) -> str:
        """Peer id of the sender: as the transport knows it, else as the envelope claims; may be empty."""
        return self.transport_source or self.envelope.source

    @property
    def source_is_claimed(self) -> bool:
        """True if only the envelope names the sender; anybody who may publish can claim any source."""
        return not self.transport_source and bool(self.envelope.source)

    @property
    def claimed_source(self) -> str:
        """The source that the envelope claims, if the transport knows another one; else empty."""
        own, claim = self.transport_source, self.envelope.source
        return claim if own and own != claim else ""

    @property
    def time(self) -> datetime | None:
        """When it was sent, truncated to microseconds; None if the sender gave no readable time."""
        try:
            return parse_rfc3339(self.envelope.time) if self.envelope.time else None
        except ValueError:
            return None

    @property
    def time_text(self) -> str:
        """When it was sent, as the sender wrote it: RFC 3339, up to nanoseconds; may be empty."""
        return self.envelope.time

    @property
    def stored(self) -> datetime:
        """When the broker stored the message."""
        return datetime.fromtimestamp(self.delivery.stored_ns / 1e9, UTC)

    @property
    def stored_ns(self) -> int:
        """When the broker stored the message, in ns since 1970."""
        return self.delivery.stored_ns

    @property
    def sequence(self) -> int:
        """Its position in the stream; 0 where nothing is stored."""
        return self.delivery.sequence

    @property
    def subject(self) -> str:
        """Where the message was published, in the transport's own terms."""
        return self.delivery.subject

    @property
    def possibly_replayed(self) -> bool:
        """True if the message may have been published long ago, and sent again by somebody now.

        Only gossip sets it: the message's number is below the number that this node remembers of the
        signer. That also happens after the signer's clock was set back. It is false for a redelivery.
        """
        return self.delivery.possibly_replayed

    @property
    def attempt(self) -> int:
        """How often the message was delivered to this consumer, this time included."""
        return self.delivery.attempt

    def ack(self) -> Coroutine[Any, Any, None]:
        """Acknowledge: the message is done."""
        return self.delivery.ack()

    def nak(self, delay_s: float = 0.0) -> Coroutine[Any, Any, None]:
        """Give the message back, to be delivered again after ``delay_s`` seconds.

        Raises:
            TransportError: the transport does not keep messages, so the message is still yours.
        """
        returning = self.delivery.nak(delay_s)
        self.returned = True
        return returning

    def term(self) -> Coroutine[Any, Any, None]:
        """Give the message up: it is not delivered again. No dead letter is written."""
        return self.delivery.term()

    def in_progress(self) -> Coroutine[Any, Any, None]:
        """Say that the message is being worked on; the ack wait counts from now."""
        return self.delivery.in_progress()


def event_id(envelope: Envelope | None, delivery: Delivery) -> str:
    """Return the ID of an event; ``envelope`` is None if it could not be read."""
    return (envelope.id if envelope else "") or delivery.message_id or delivery.position_id


def id_of_unread(delivery: Delivery) -> str:
    """Return the ID of an event that is given up unread; its envelope may be readable."""
    try:
        return event_id(decode_envelope(delivery.data), delivery)
    except DecodeError:
        return event_id(None, delivery)
