"""One delivered NATS message: its metadata, and how it is acknowledged (ack, nak, term)."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import msgspec
import nats.errors

from dms_events.identity import id_of_position
from dms_events.transport import Delivery

from .client import translated
from .connection import DirectClient, read_headers
from .subjects import Subjects

__all__ = ["CoreDelivery", "JetStreamDelivery", "NatsDelivery", "Origin", "size_of"]

_MESSAGE_ID = b"\r\nNats-Msg-Id:"
_PLAIN = 9
"""Tokens of a reply subject from a server without domains."""


def size_of(subject: str, reply: str, data: bytes, headers: bytes | None) -> int:
    """Bytes of a message in a buffer, as the server counts them."""
    return len(subject) + len(reply) + len(data) + len(headers or b"")


class Origin:
    """The data that all messages of one subscription share."""

    __slots__ = ("broker", "client", "first", "lost", "parts")

    def __init__(
        self, client: DirectClient, subjects: Subjects, *, first: str = "", broker: str = ""
    ) -> None:
        self.client = client
        self.parts = subjects.parts
        self.first = first
        """The beginning of a first delivery's reply subject, on a server without a domain."""
        self.lost = False
        """True once another reader owns the messages taken here. Then they can only be acknowledged."""
        self.broker = broker
        """``core <host>:<port>`` for core NATS; empty for JetStream."""


class NatsDelivery(Delivery, msgspec.Struct, eq=False, gc=False):
    """A NATS message and its metadata, stored or not."""

    subject: str
    reply: str
    data: bytes
    header_block: bytes | None = None
    origin: Origin = None  # type: ignore[assignment]
    """Set by the receiver that takes the message, as are the next two fields."""
    type_name: str = ""
    source: str = ""

    @property
    def size(self) -> int:
        return size_of(self.subject, self.reply, self.data, self.header_block)

    @property
    def headers(self) -> dict[str, str] | None:
        return read_headers(self.header_block) if self.header_block else None

    @property
    def message_id(self) -> str:
        if self.header_block is None:
            return ""
        value = self.header_block.partition(_MESSAGE_ID)[2].partition(b"\r\n")[0]
        return value.decode(errors="backslashreplace").strip()


class JetStreamDelivery(NatsDelivery, eq=False, gc=False):
    """A message of JetStream. Its reply subject has its position and attempt, parsed when asked for."""

    settled: bool = False
    """Whether the server was told what became of the message."""
    given_back: bool = False
    """Whether the server was told to deliver it again."""
    _tokens: list[str] | None = None
    _outage: int = -1
    """The number of reconnects before the outage in which more time was asked for last."""

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
        """The number of this delivery among those of the consumer."""
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

    def ack_soon(self) -> bool:
        if not self.settled:
            self.settled = True
            self.origin.client.ack_soon(self.reply)
        return True

    def nak(self, delay_s: float = 0.0) -> Coroutine[Any, Any, None]:
        delay_ns = int(delay_s * 1e9)
        word = b'-NAK {"delay":%d}' % delay_ns if delay_ns > 0 else b"-NAK"
        return self._say(word, gives_back=True)

    def term(self) -> Coroutine[Any, Any, None]:
        return self._say(b"+TERM")

    async def in_progress(self) -> None:
        client = self.origin.client
        if not client.is_connected:
            # A word said now waits in the client until the connection is back. One is enough.
            if self._outage == (outage := client.stats["reconnects"]):
                return
            self._outage = outage
        await self._say(b"+WPI", last=False)

    async def _say(self, word: bytes, *, last: bool = True, gives_back: bool = False) -> None:
        """Tell the server, unless the message is settled already, or another reader owns it."""
        if self.settled or self.origin.lost:
            return
        self.settled, self.given_back = last, gives_back
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


class CoreDelivery(NatsDelivery, eq=False, gc=False):
    """A message of core NATS."""

    number: int = 0
    """The message's number among those of its receiver."""
    arrived_ns: int = 0

    @property
    def position(self) -> int:
        return self.number << 64 | self.arrived_ns

    @property
    def position_id(self) -> str:
        return id_of_position(self.origin.broker, self.number, self.arrived_ns)

    @property
    def stored_ns(self) -> int:
        return self.arrived_ns

    def ack_soon(self) -> bool:
        return True
