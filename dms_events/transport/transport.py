"""The seam that adapters implement: bytes out, bytes in, and what is promised about them.

A transport knows no JSON and no types. It is found by URL scheme through the entry point group
``dms_events.transports``. Users hold `dms_events.Bus`, and reach the transport as `Bus.transport`.

To write a transport is to write three classes: a `Transport`, its `Receiver` and its `Delivery`. Each
names the few members that have to be written; the others have defaults.

The seam documents guarantees, not mechanics. Where a method's docstring is silent, nothing is promised.
No vendor's exception crosses it: an implementation raises `TransportError` and its subclasses, and
`ConfigError` for a setting.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Final, Literal, TypeVar

import msgspec

from ..errors import PublishError, TransportError
from ..types._secrets import Masked, SecretBytes
from .receiver import Receiver

__all__ = [
    "ACK_WAIT_S",
    "Channel",
    "Guarantees",
    "OutgoingMessage",
    "SubscriptionSpec",
    "Transport",
]

ACK_WAIT_S: Final = 40.0
"""The default. A message that was sent into a dead link is delivered again after this time. A reader
gives a sign of life every third of it. It notices a dead link in 10 s, so its next sign comes in time."""

_YIELD_EVERY = 500

C = TypeVar("C")

Channel = Literal["events", "requests", "dead"]
"""The three namespaces. They never overlap: a stream over one holds no message of another."""


class OutgoingMessage(Masked, msgspec.Struct, frozen=True, gc=False):
    """One message that is ready to send. It keeps its identity, so sending it again is safe.

    ``source`` and ``id`` may be empty. ``is_shared``: others publish this message too, so a transport
    that dedupes may have its id already. The repr does not show the payload.
    """

    channel: Channel
    type_name: str
    source: str
    id: str
    data: SecretBytes
    is_shared: bool = False


class SubscriptionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """The messages that a subscription asks for, and how they are delivered.

    ``patterns`` are ``module.Type``, ``module.*`` or ``*``. A ``durable`` is one consumer with one set
    of patterns and one ack wait; all who subscribe under its name share it. ``start`` and ``ack_wait_s``
    count for a new consumer only. ``types`` are the type names that the patterns match, sorted, for
    brokers that know no wildcards. ``must_exist``: a missing durable is an error, and is not created.
    ``partitioned``: each part of the sources has one reader at a time, which gets all of that part.
    """

    channel: Channel = "events"
    patterns: tuple[str, ...]
    types: tuple[str, ...] = ()
    durable: str | None = None
    start: Literal["all", "new"] = "all"
    prefetch: int = 500
    ack_wait_s: float = ACK_WAIT_S
    partitioned: bool = False
    must_exist: bool = False

    def wants(self, type_name: str) -> bool:
        """True if a pattern matches the type. A message without a type name matches none."""
        module = type_name.partition(".")[0]
        return bool(type_name) and any(p in ("*", f"{module}.*", type_name) for p in self.patterns)


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


class Transport(ABC):
    """A way to a broker, or to peers.

    **To write**: `guarantees`, `publish` and `subscribe`; `open` and `close`, if there is a connection;
    `where` and `max_payload`, if the defaults are not right. The other members have a default.

    A transport belongs to one event loop. `open` is called once, and `close` once after it. Between the
    two, many tasks may call the other methods at the same time; before and after, these raise
    `ConnectionLostError`. A cancelled call ends at once.

    What a transport can do beyond events (`dms_events.transport.capabilities`) it inherits from a class
    of its own.
    """

    guarantees: Guarantees
    """The promises; the contract suite checks them."""

    @property
    def where(self) -> str:
        """The broker and the root of its names, as a text for people; without passwords.

        The default is the name of the class.
        """
        return type(self).__name__

    @property
    def max_payload(self) -> int:
        """The largest payload in bytes that `publish` accepts; 1 GiB by default.

        Dead letters are cut to it. `publish` refuses a larger payload with a `PublishError`.
        """
        return 1 << 30

    async def open(self) -> None:  # noqa: B027 - a default, not a demand
        """Connect. By default there is nothing to do.

        If it raises, or is cancelled, it leaves nothing behind: `close` is not called then.

        Raises:
            ConnectionLostError: no broker or peer answers.
            ConfigError: the one that answers cannot serve as asked.
        """

    async def close(self) -> None:  # noqa: B027 - a default, not a demand
        """End the receivers, flush the messages that were sent and the acknowledgements, and disconnect.

        By default there is nothing to do.

        Raises:
            ConnectionLostError: messages that were sent last may be lost.
        """

    @abstractmethod
    async def publish(self, message: OutgoingMessage) -> None:
        """Send one message. Returns when the message is as safe as the transport promises.

        It goes to the channel ``message.channel``, and can be subscribed to by ``message.type_name``
        there. A dead letter takes this way too.

        Raises:
            PublishError: the message was not accepted, or it is not known whether it was;
                ``unacknowledged`` holds it. If the transport would always refuse it (too large, for
                example), ``refused_for_good`` holds it too. Sending it again is safe where the transport
                dedupes.
            ConnectionLostError: the transport is not open; nothing was sent.
        """

    async def publish_many(self, messages: Iterable[OutgoingMessage]) -> int:
        """Send many messages, in order. Returns their number.

        The default publishes one after the other. Write it where a broker takes many in one round trip.

        An error of ``messages`` itself is raised once those before it are accepted.

        Raises:
            PublishError: ``unacknowledged`` holds the messages that were taken from ``messages`` and
                whose acceptance is not known, and ``accepted`` is the number of accepted ones.
            CancelledError: its ``__cause__`` is such a `PublishError`.
            ConnectionLostError: the transport is not open; nothing was sent.
        """
        accepted, unsure = 0, list[OutgoingMessage]()
        try:
            for message in messages:
                unsure = [message]
                await self.publish(message)
                unsure = []
                accepted += 1
                if accepted % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        except PublishError as error:
            error.unacknowledged, error.accepted = unsure, accepted
            raise
        except TransportError as error:
            if not accepted:
                raise
            raise PublishError(str(error), unsure, accepted) from error
        except asyncio.CancelledError as cut:
            reason = f"cut off when {accepted} were accepted"
            cut.__cause__ = PublishError(reason, unsure, accepted)
            raise
        return accepted

    @abstractmethod
    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        """Start to receive the messages that ``spec`` asks for.

        Messages published after it has returned are received. A transport that stores none receives no
        others.

        Raises:
            ConfigError: the durable exists with other patterns; a durable is never rewritten. Or the
                transport cannot do what ``spec`` asks for: it has no durables, for example.
            TransportError: the outcome is not known, or reading is not allowed.
        """

    def capability(self, kind: type[C]) -> C | None:
        """Return the object that has a capability; None if this transport does not have it.

        The default returns the transport itself, if its class inherits ``kind``. A transport that wraps
        another one returns the capability of that.
        """
        return self if isinstance(self, kind) else None
