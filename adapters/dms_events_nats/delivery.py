"""One delivered NATS message: what it says of itself, and how it is acknowledged (ack, nak, term).

nats-py makes these objects itself, in place of messages of its own.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from dms_events.errors import TransportError
from dms_events.identity import id_of_position

from .client import translated
from .subjects import Subjects

__all__ = ["CoreDelivery", "JetStreamDelivery", "NatsDelivery", "Origin", "subscribe_callback"]


_log = logging.getLogger("dms_events")
_PLAIN = 9
"""Tokens of a reply subject from a server without domains."""


class Origin:
    """What all messages of one subscription have in common."""

    __slots__ = ("broker", "client", "first", "lost", "subjects")

    def __init__(
        self, client: Client, subjects: Subjects, *, first: str = "", broker: str = ""
    ) -> None:
        self.client = client
        self.subjects = subjects
        self.first = first
        """How the reply subject of a first delivery begins, where the server has no domain."""
        self.lost = False
        """Another reader has what was taken, and the say over it."""
        self.broker = broker
        """The server, where nothing is stored."""


if TYPE_CHECKING:
    _Given = msgspec.Struct
else:
    # nats-py gives its `msg_class` whatever its own has, today and in later versions.
    _given = [(field.name, Any, None) for field in dataclasses.fields(Msg)]
    _Given = msgspec.defstruct("_Given", _given, gc=False)


class NatsDelivery(_Given, kw_only=True, eq=False, gc=False):
    """What a NATS message says of itself, stored or not."""

    subject: str
    reply: str
    data: bytes
    headers: dict[str, str] | None
    origin: Origin = None  # type: ignore[assignment]
    """Set by the receiver that takes it."""
    type_name: str = ""

    @property
    def source(self) -> str:
        return self.origin.subjects.sources[self.subject]

    @property
    def message_id(self) -> str:
        return self.headers.get("Nats-Msg-Id", "") if self.headers else ""


class JetStreamDelivery(NatsDelivery, kw_only=True, eq=False, gc=False):
    """Where it lies and how often it was delivered is in its reply subject, parsed when asked for."""

    settled: bool = False
    """Whether the server was told what became of it."""
    _tokens: list[str] | None = None

    def _parsed(self) -> list[str]:
        self._tokens = tokens = _tokens_of(self.reply)
        return tokens

    @property
    def position(self) -> int:
        tokens = self.reply.split(".")
        if len(tokens) != _PLAIN:
            tokens = tokens[2:]
        return int(tokens[5]) << 64 | int(tokens[7])

    @property
    def attempt(self) -> int:
        if self.reply.startswith(self.origin.first):
            return 1
        return int((self._tokens or self._parsed())[2])

    @property
    def sequence(self) -> int:
        reply, first = self.reply, self.origin.first
        if reply.startswith(first):
            return int(reply[len(first) : reply.index(".", len(first))])
        return int((self._tokens or self._parsed())[3])

    @property
    def consumer_sequence(self) -> int:
        """Which of the consumer's deliveries this is."""
        return int(_tokens_of(self.reply)[4])

    @property
    def position_id(self) -> str:
        stream, _, _, sequence, _, stored, *_ = self._tokens or self._parsed()
        return id_of_position(stream, int(sequence), stored)

    @property
    def stored_ns(self) -> int:
        return int((self._tokens or self._parsed())[5])

    async def ack(self) -> None:
        if self.settled:
            return
        self.settled = True
        try:
            await self.origin.client.publish(self.reply, b"+ACK")
        except (nats.errors.Error, OSError) as error:
            _not_said(error)

    def nak(self, delay_s: float = 0.0) -> Coroutine[Any, Any, None]:
        delay_ns = int(delay_s * 1e9)
        return self._say(b'-NAK {"delay":%d}' % delay_ns if delay_ns > 0 else b"-NAK")

    def term(self) -> Coroutine[Any, Any, None]:
        return self._say(b"+TERM")

    def in_progress(self) -> Coroutine[Any, Any, None]:
        return self._say(b"+WPI", last=False)

    async def _say(self, word: bytes, *, last: bool = True) -> None:
        """Tell the server, unless the last word was said already, or is another reader's."""
        if self.settled or self.origin.lost:
            return
        self.settled = last
        try:
            await self.origin.client.publish(self.reply, word)
        except (nats.errors.Error, OSError) as error:
            _not_said(error)


def _tokens_of(reply: str) -> list[str]:
    """``[stream, consumer, delivered, stream seq, consumer seq, time, pending]``."""
    tokens = reply.split(".")
    # $JS.ACK.<stream>…, or $JS.ACK.<domain>.<account>.<stream>… from servers with domains
    return tokens[2:] if len(tokens) == _PLAIN else tokens[4:]


def _not_said(error: nats.errors.Error | OSError) -> None:
    # Without a connection the message comes again, as promised.
    if not isinstance(error, nats.errors.OutboundBufferLimitError):
        raise translated("settle a message", error) from error


class CoreDelivery(NatsDelivery, kw_only=True, eq=False, gc=False):
    """A message that nobody stored: acknowledging it means nothing, giving it back is impossible."""

    number: int = 0
    """Its number among the messages of its receiver, which sets it, and the next field too."""
    arrived_ns: int = 0

    @property
    def attempt(self) -> int:
        return 1

    @property
    def sequence(self) -> int:
        return 0

    @property
    def position(self) -> int:
        return self.number << 64 | self.arrived_ns

    @property
    def position_id(self) -> str:
        return id_of_position(self.origin.broker, self.number, self.arrived_ns)

    @property
    def stored_ns(self) -> int:
        return self.arrived_ns

    async def ack(self) -> None:
        return

    async def nak(self, delay_s: float = 0.0) -> None:
        raise TransportError("core NATS delivers once: nak needs durable=True (JetStream)")

    async def term(self) -> None:
        return

    async def in_progress(self) -> None:
        return


M = TypeVar("M", bound=NatsDelivery)
"""The `msg_class` of the client."""


async def subscribe_callback(
    client: Client, subject: str, take: Callable[[M], None], *, queue: str = ""
) -> Subscription:
    """Subscribe, and have each message given to ``take``, which never waits.

    nats-py's own callbacks are coroutines, and cost a queue and a turn of a task for each message.
    """
    return await client.subscribe(subject, queue=queue, future=_CallbackFuture(take))


class _CallbackFuture(asyncio.Future[M]):
    """What nats-py takes for the future of a reply, and gives every message to."""

    def __init__(self, take: Callable[[M], None]) -> None:
        super().__init__()
        self._take = take

    def set_result(self, message: M) -> None:
        try:
            self._take(message)
        except Exception:  # noqa: BLE001
            # It would break the connection, on which all else depends.
            _log.exception("a message on %s was not taken", message.subject)
