"""A subscription: decodes the messages of a transport's receiver into typed ones."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Mapping
from math import inf
from typing import Generic, Self, TypeVar

import msgspec

from .. import codec, registry
from ..codec.fast import REFUSALS, Reader, typed_reader
from ..dead_letters import AGAIN_S, DeadLetterWriter
from ..dead_letters.replay import PREFIX, reader_of, reader_token
from ..envelope import MSGPACK, decode_envelope, read_json, read_msgpack
from ..errors import ConnectionLostError, DecodeError, TransportError, UnknownTypeError
from ..transport import (
    Delivery,
    DurableFacts,
    Receiver,
    SubscriptionSpec,
    SupportsOwnership,
    Transport,
)
from .aside import Aside
from .claims import DifferingClaims
from .discards import Discards
from .message import Message, id_of_unread
from .paused import Paused

__all__ = ["Subscription"]

T = TypeVar("T", bound=msgspec.Struct)

_log = logging.getLogger("dms_events")
_NO_ENVELOPE = (
    "is missing: an event travels in an envelope, "
    '{"Type": "module.Type", "Data": "base64 of its JSON"}'
)


class Subscription(Generic[T]):
    """Typed messages, as an async iterator inside ``async with``.

    A message that cannot be read (noise, an unknown type, a type that was not asked for) never reaches
    the user. With a durable it is kept as a dead letter with its reason, so it is never dropped; without
    a durable it is logged and given to `on_error`. Either way it is counted in `undecodable`.

    With a durable, a replay of another reader's dead letter is acknowledged and counted in `for_others`;
    without a durable it is handed out.
    """

    def __init__(
        self,
        transport: Transport,
        spec: SubscriptionSpec,
        types: frozenset[str],
        aliases: Mapping[str, str],
        writer: DeadLetterWriter,
        discards: Discards,
    ) -> None:
        self._transport = transport
        self._spec = spec
        self._types = types
        self._aliases = aliases
        self._writer = writer
        self._discards = discards
        self._reader_token = reader_token(spec.durable or "")
        self._receiver: Receiver | None = None
        self._reading: Receiver | None = None
        """The receiver, until it is paused and hands out nothing more."""
        self._ready: deque[Message[T]] = deque()
        self._known: dict[str, tuple[str, Reader]] = {}
        self._aside = Aside()
        self._claims = DifferingClaims()
        self.undecodable = 0
        """Messages that could not be read; one that is given back counts when it is delivered again."""
        self.for_others = 0
        """Replays of dead letters for another reader: acknowledged, and not handed out."""

    @property
    def differing_claims(self) -> int:
        """Messages whose envelope claims another source than the transport's (`claimed_source`)."""
        return self._claims.count

    @property
    def durable(self) -> str:
        """The name of the durable; empty without one."""
        return self._spec.durable or ""

    @property
    def partitioned(self) -> bool:
        """True if each partition has one reader at a time, which can lose it."""
        return self._spec.partitioned

    @property
    def ack_wait_s(self) -> float:
        """How long a taken message may stay unsettled; once entered, the consumer's own setting."""
        return self._receiver.ack_wait_s if self._receiver else self._spec.ack_wait_s

    @property
    def facts(self) -> DurableFacts:
        """Facts about the durable, as far as the broker tells them; none before it is entered."""
        return self._receiver.facts if self._receiver else DurableFacts()

    @property
    def dropped(self) -> int:
        """Messages that the transport threw away for lack of room; always 0 if it acknowledges."""
        drops = self._receiver.drops if self._receiver else None
        return drops.count if drops else 0

    @property
    def possibly_replayed(self) -> int:
        """Messages that may have been replayed (`Message.possibly_replayed`); 0 without gossip."""
        return self._receiver.possibly_replayed if self._receiver else 0

    async def __aenter__(self) -> Self:
        self._receiver = await self._transport.subscribe(self._spec)
        self._reading = self._receiver
        if self._receiver.drops:
            self._receiver.drops.tell = self._discards.dropped
        return self

    async def __aexit__(self, *_: object) -> None:
        receiver = self._opened()
        try:
            await self._aside.finish()
            if self._transport.guarantees.acknowledges:
                while self._ready:
                    await self._ready.popleft().nak()
        except ConnectionLostError as error:
            _log.debug(
                "messages that were not taken are delivered again after the ack wait: %s", error
            )
        finally:
            await receiver.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message[T]:
        """Wait for the next message and return it; cancelling the wait loses no message.

        Raises:
            TransportError: no message will ever arrive again.
        """
        while True:
            message = self._ready.popleft() if self._ready else self._read_next()
            if message is not None:
                return message
            await self._wait(None)

    async def take(self, limit: int) -> list[Message[T]]:
        """Wait for a message, then return up to ``limit`` messages that are there.

        Raises:
            TransportError: no message will ever arrive again.
        """
        while not (messages := self.take_nowait(limit)):
            await self._wait(None)
        return messages

    def take_nowait(self, limit: int) -> list[Message[T]]:
        """Return up to ``limit`` messages that are there, without waiting."""
        messages = [self._ready.popleft() for _ in range(min(limit, len(self._ready)))]
        while len(messages) < limit and (message := self._read_next()) is not None:
            messages.append(message)
        return messages

    async def pause(self) -> None:
        """Stop receiving for good; messages that have arrived can still be taken."""
        if not await self._opened().pause():
            self._reading = Paused()

    async def batch(
        self, limit: int, max_wait_s: float, *, max_bytes: float = inf
    ) -> list[Message[T]]:
        """Return up to ``limit`` messages: once so many are there, or ``max_wait_s`` after the call.

        The batch is also complete once its messages have ``max_bytes`` together.

        Raises:
            TransportError: no message will ever arrive again.
        """
        deadline = time.monotonic() + max_wait_s
        waiting = True
        held = sum(message.delivery.size for message in self._ready)
        while waiting and len(self._ready) < limit and held < max_bytes:
            if (message := self._read_next()) is not None:
                self._ready.append(message)
                held += message.delivery.size
            else:
                left = deadline - time.monotonic()
                busy = self._aside.is_full
                waiting = left > 0 and not (self._ready and busy) and await self._wait(left)
        return self.take_nowait(min(limit, len(self._ready)))

    async def still_owned(self, message: Message[T]) -> bool:
        """True if a message that was taken some time ago may be begun; waits while that is in doubt.

        False if the subscription is partitioned and another reader has the message now: forget it.
        """
        receiver = self._opened()
        if not isinstance(receiver, SupportsOwnership):
            return True
        return await receiver.still_owned(message.delivery)

    async def backlog(self) -> int:
        """Return how many messages wait for this consumer or are unsettled; 0 if nothing is stored."""
        return await self._opened().backlog()

    def _read_next(self) -> Message[T] | None:
        """Return the next message of the receiver, or None. The receiver keeps the others alive."""
        receiver, aside = self._reading or self._opened(), self._aside
        while not aside.is_full and (delivery := receiver.pop()) is not None:
            if PREFIX in delivery.message_id and self._is_for_another(delivery):
                continue
            # A canonical event of a type that came before is read here; the rest takes the slow path.
            try:
                data = delivery.data
                envelope = read_json(data) if data[0] < MSGPACK else read_msgpack(data)
                name, read = self._known[envelope.type]
                if delivery.type_name == name:
                    event, source = read(envelope.data), delivery.source
                    if (claim := envelope.source) and claim != source and source:
                        self._claims.add(source, claim)
                    return Message(event, name, envelope, delivery, source)
            except (*REFUSALS, LookupError):
                pass
            try:
                return self._read_slowly(delivery)
            except (DecodeError, UnknownTypeError) as error:
                self._put_aside(delivery, error)
        return None

    async def _wait(self, timeout_s: float | None) -> bool:
        """Wait until there may be a message to take; or, if too many are put aside, less of them."""
        if self._aside.is_full:
            await self._aside.until_less()
            return True
        return await (self._reading or self._opened()).wait(timeout_s)

    def _read_slowly(self, delivery: Delivery) -> Message[T]:
        envelope = decode_envelope(delivery.data)
        name = self._resolve(envelope.type, delivery.data)
        type_name = delivery.type_name
        if type_name != name and type_name:
            reason = f"it was published as {type_name}"
            raise DecodeError(name, "", reason, delivery.data)
        event = codec.decode(envelope.data, registry.get(name))
        message: Message[T] = Message(event, name, envelope, delivery, delivery.source, False)
        if claim := message.claimed_source:
            self._claims.add(message.source, claim)
        return message

    def _resolve(self, written: str, payload: bytes) -> str:
        if known := self._known.get(written):
            return known[0]
        if not written:
            raise DecodeError("Envelope", "Type", _NO_ENVELOPE, payload)
        name = self._aliases.get(written) or registry.resolve(written)
        if name not in self._types:
            raise DecodeError(name, "", "this subscription is for other types", payload)
        self._known[written] = (name, typed_reader(registry.get(name)))
        return name

    def _is_for_another(self, delivery: Delivery) -> bool:
        """True if it is a replay for another reader; then it is acknowledged in the background."""
        if not self._reader_token or reader_of(delivery.message_id) in ("", self._reader_token):
            return False
        self.for_others += 1
        self._aside.put(delivery.ack())
        return True

    def _put_aside(self, delivery: Delivery, error: Exception) -> None:
        """Give a message up in the background, so that readable messages do not wait behind it."""
        self.undecodable += 1
        self._aside.put(self._give_up(delivery, error))

    async def _give_up(self, delivery: Delivery, error: Exception) -> None:
        if not await self._writer.write(delivery, id=id_of_unread(delivery), error=error):
            self.undecodable -= 1
            await delivery.nak(AGAIN_S)

    def _opened(self) -> Receiver:
        if self._receiver is None:
            raise TransportError("enter the subscription first: async with bus.subscribe(...)")
        return self._receiver
