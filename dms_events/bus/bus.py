"""The bus: the object with which users publish and subscribe typed events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Literal, Self, TypeVar, overload

import msgspec

from .. import registry
from ..dead_letters import DeadLetters, DeadLetterWriter
from ..envelope import Encoding
from ..errors import ConfigError, PublishError, TransportError
from ..identity import new_id
from ..names import check_durable, check_source, widest
from ..transport import (
    ACK_WAIT_S,
    Guarantees,
    OutgoingMessage,
    Peer,
    PublishCounts,
    SubscriptionSpec,
    SupportsPeers,
    SupportsPublishCounts,
    Transport,
)
from .cut_off import CutOff
from .discards import Discarded, Discards
from .requests import Requests
from .sealing import Outgoing, Sealer, time_text
from .subscription import Subscription

__all__ = ["Bus"]

A = TypeVar("A", bound=msgspec.Struct)
B = TypeVar("B", bound=msgspec.Struct)

_log = logging.getLogger("dms_events")


class Bus(Requests):
    """Publishes and subscribes typed events over one transport, and asks and answers requests.

    Made by `dms_events.connect` and used as an async context manager; one bus belongs to one event
    loop. Its transport's `guarantees` say how it delivers.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        source: str = "",
        encoding: Encoding = "json",
        aliases: Mapping[str, str] | None = None,
        on_error: Callable[[Discarded], object] | None = None,
    ) -> None:
        if source:
            check_source(source)
        if encoding not in ("json", "msgpack"):
            raise ConfigError("encoding", f"expected 'json' or 'msgpack', got {encoding!r}")
        self.discards = Discards(on_error)
        """Counts the messages that the readers of this bus threw away."""
        self._sealer = Sealer(source, encoding)
        self._aliases = {alias: registry.resolve(name) for alias, name in (aliases or {}).items()}
        self._transport = transport
        self.dead_letters = DeadLetters(transport, self._aliases)
        """Finds, replays, drops and adds dead letters: messages that readers gave up."""

    @property
    def where(self) -> str:
        """The broker, and the root of its names, for people to read; without passwords."""
        return self._transport.where

    @property
    def transport(self) -> Any:
        """The adapter's object, for its own members, such as libp2p's ``peer_id`` and ``addresses``."""
        return self._transport

    @property
    def guarantees(self) -> Guarantees:
        """The promises of the transport."""
        return self._transport.guarantees

    @property
    def publish_counts(self) -> PublishCounts:
        """Counts of published events, such as duplicates, as far as the broker tells them."""
        counting = self._transport.capability(SupportsPublishCounts)
        return counting.publish_counts if counting else PublishCounts()

    @property
    def peers(self) -> tuple[Peer, ...]:
        """The nodes that are connected now, sorted by id; empty if there is a broker."""
        connected = self._transport.capability(SupportsPeers)
        return connected.peers if connected else ()

    async def open(self) -> None:
        """Connect; ``async with`` does it.

        Raises:
            ConnectionLostError: nothing answers.
        """
        await self._transport.open()

    async def close(self) -> None:
        """Flush and disconnect; ``async with`` does it."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, kind: object, exc: object, traceback: object) -> None:
        try:
            await self.close()
        except TransportError as error:
            if exc is None:
                raise
            _log.warning("the bus could not be closed cleanly: %s", error)

    def prepare(
        self,
        event: msgspec.Struct,
        *,
        id: str = "",
        source: str = "",
        time: datetime | str = "",
        trace_parent: str = "",
    ) -> OutgoingMessage:
        """Encode an event into its envelope, without sending it.

        ``id`` defaults to a new UUIDv7, ``source`` to the bus's, ``time`` to now.

        Raises:
            EncodeError: Go could not read the event.
            UnknownTypeError: it is not a DMS type.
        """
        if source:
            check_source(source)
        return self._sealer.seal(
            event, id or new_id(), source or self._sealer.source, time_text(time), trace_parent
        )

    async def publish(self, event: msgspec.Struct | OutgoingMessage) -> str:
        """Publish one event and return its identity, once it is as safe as the transport promises.

        Raises:
            EncodeError: Go could not read the event; nothing was sent.
            PublishError: the event was not accepted, or its acceptance is not known;
                ``unacknowledged`` holds it, ready to be published again under the same identity.
            CancelledError: at once, when the task is cancelled. `PublishError.behind` finds the event in
                this error.
        """
        message = self._sealer.prepared(event)
        try:
            await self._transport.publish(message)
        except asyncio.CancelledError as cut:
            if PublishError.behind(cut) is None:
                cut.__cause__ = PublishError("cut off", [message])
            raise
        return message.id

    async def publish_many(self, events: Iterable[msgspec.Struct | OutgoingMessage]) -> int:
        """Publish events in order and return how many; acknowledged in a window, not one by one.

        Raises:
            EncodeError: Go could not read one of the events. The events before it are published; it
                and the events after it are not.
            PublishError: ``unacknowledged`` holds the events that are not known to be accepted, and
                the events not sent at all, ready to be published again under the same identities. A
                generator keeps the events that were not taken from it yet.
            CancelledError: at once, when the task is cancelled. `PublishError.behind` finds the accepted
                and the open events in this error, or in the `TimeoutError` that `asyncio.timeout` makes
                of it.
        """
        outgoing = Outgoing(self._sealer, iter(events))
        try:
            return await self._transport.publish_many(iter(outgoing))
        except PublishError as error:
            error.unacknowledged = [*error.unacknowledged, *outgoing.unsent()]
            if isinstance(events, Collection):
                error.unacknowledged += outgoing.rest()
            raise
        except asyncio.CancelledError as cut:
            if known := PublishError.behind(cut):
                taken = [*known.unacknowledged, *outgoing.unsent()]
                rest = outgoing.untaken() if isinstance(events, Collection) else []
                known.unacknowledged = CutOff(self._sealer, taken, rest)
            raise

    @overload
    def subscribe(
        self,
        type_: type[A],
        /,
        *,
        durable: str | None = ...,
        start: Literal["all", "new"] | None = ...,
        prefetch: int = ...,
        ack_wait_s: float = ...,
        partitioned: bool = ...,
    ) -> Subscription[A]: ...
    @overload
    def subscribe(
        self,
        type_: type[A],
        other: type[B],
        /,
        *,
        durable: str | None = ...,
        start: Literal["all", "new"] | None = ...,
        prefetch: int = ...,
        ack_wait_s: float = ...,
        partitioned: bool = ...,
    ) -> Subscription[A | B]: ...
    @overload
    def subscribe(
        self,
        *wanted: type[msgspec.Struct] | str,
        durable: str | None = ...,
        start: Literal["all", "new"] | None = ...,
        prefetch: int = ...,
        ack_wait_s: float = ...,
        partitioned: bool = ...,
        must_exist: bool = ...,
    ) -> Subscription[Any]: ...

    def subscribe(
        self,
        *wanted: type[msgspec.Struct] | str,
        durable: str | None = None,
        start: Literal["all", "new"] | None = None,
        prefetch: int = 500,
        ack_wait_s: float = ACK_WAIT_S,
        partitioned: bool = False,
        must_exist: bool = False,
    ) -> Subscription[Any]:
        """A subscription to types, or to patterns such as ``"elk_stats.*"`` and ``"*"``.

        With a ``durable`` the broker remembers which messages were acknowledged under that name, and all
        subscriptions under that name share the messages. ``start`` counts for a new consumer only:
        ``"all"`` begins with the stored messages (the default with a durable), ``"new"`` with the next
        one (the default without). ``prefetch`` limits the messages that are held here and not taken yet.
        An unsettled message is delivered again ``ack_wait_s`` after it was taken.

        ``partitioned`` subscriptions to a durable share its messages by source: each partition of the
        stream has one reader at a time, which gets all of its messages in order (a stream without
        partitions counts as one). A reader that leaves hands over its partitions when the messages that
        it took are settled; one that dies loses its partitions after 1.5 ``ack_wait_s``.

        Raises:
            UnknownTypeError: a type or pattern names nothing.
            ConfigError: an option is out of range, or (on entering) the durable has other patterns, or
                does not exist although ``must_exist`` is set.
        """
        if not wanted:
            raise ConfigError("subscribe", "name at least one type or pattern, or '*' for all")
        if durable is not None:
            check_durable(durable, partitioned=partitioned)
        if not 1 <= prefetch <= 10_000:
            raise ConfigError("prefetch", f"must be 1 to 10000, not {prefetch}")
        if not ack_wait_s > 0:
            raise ConfigError("ack_wait_s", f"must be above 0 seconds, not {ack_wait_s}")
        if partitioned and not (durable and self.guarantees.acknowledges):
            raise ConfigError(
                "partitioned", "it takes a durable, and a transport that acknowledges"
            )
        if must_exist and durable is None:
            raise ConfigError("must_exist", "it takes a durable: name one, or leave this out")
        patterns = [w if isinstance(w, str) else registry.name_of(w) for w in wanted]
        names = {name: registry.matching(name) for name in patterns}
        types = frozenset(name for found in names.values() for name in found)
        spec = SubscriptionSpec(
            patterns=widest({p if "*" in p else names[p][0] for p in patterns}),
            types=tuple(sorted(types)),
            durable=durable,
            start=start or ("all" if durable else "new"),
            prefetch=prefetch,
            ack_wait_s=ack_wait_s,
            partitioned=partitioned,
            must_exist=must_exist,
        )
        if durable is not None and self.guarantees.acknowledges:
            writer = DeadLetterWriter(self.dead_letters.add, durable)
        else:
            writer = DeadLetterWriter(self.discards.throw_away)
        return Subscription(self._transport, spec, types, self._aliases, writer, self.discards)
