"""A message from JetStream."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from dms_events.identity import id_of_place
from dms_events.transport import Delivery

from ._errors import mapped
from ._subjects import Subjects

__all__ = ["JetStreamDelivery", "NatsDelivery"]


class NatsDelivery(Delivery):
    """What a NATS message says of itself, stored or not."""

    __slots__ = ("_message", "_subjects", "data")

    def __init__(self, subjects: Subjects, message: Msg) -> None:
        self.data = message.data
        self._subjects = subjects
        self._message = message

    @property
    def place(self) -> str:
        return self._message.subject

    @property
    def routed_as(self) -> str:
        return self._subjects.type_name(self._message.subject)

    @property
    def source(self) -> str:
        return self._subjects.source(self._message.subject)

    @property
    def claimed_id(self) -> str:
        headers = self._message.headers
        claimed = headers.get("Nats-Msg-Id", "") if headers else ""
        return claimed if claimed.isascii() else _writable(claimed)

    @property
    def headers(self) -> Mapping[str, str]:
        headers = self._message.headers or {}
        return {_writable(name): _writable(value) for name, value in headers.items()}


def _writable(text: str) -> str:
    """Bytes that are no UTF-8 arrive as lone surrogates, which nothing could write again."""
    return text.encode(errors="backslashreplace").decode()


class JetStreamDelivery(NatsDelivery):
    """Where it lies and how often it was delivered is in its reply subject, parsed when asked for."""

    __slots__ = ("_client", "_created", "_settled", "_tokens")

    def __init__(self, client: Client, subjects: Subjects, created: str, message: Msg) -> None:
        super().__init__(subjects, message)
        self._client = client
        self._created = created
        self._tokens: list[str] | None = None
        self._settled = False

    def _token(self, index: int) -> str:
        """A token of ``[stream, consumer, delivered, stream seq, consumer seq, time, pending]``."""
        if self._tokens is None:
            tokens = self._message.reply.split(".")
            # $JS.ACK.<stream>…, or $JS.ACK.<domain>.<account>.<stream>… from servers with domains
            self._tokens = tokens[2:] if len(tokens) == 9 else tokens[4:]
        return self._tokens[index]

    @property
    def attempt(self) -> int:
        return int(self._token(2))

    @property
    def sequence(self) -> int:
        return int(self._token(3))

    @property
    def place_id(self) -> str:
        return id_of_place(self._token(0), self._created, self.sequence)

    @property
    def stored_ns(self) -> int:
        return int(self._token(5))

    async def ack(self) -> None:
        await self._settle(b"+ACK")

    async def nak(self, delay_s: float = 0.0) -> None:
        delay_ns = int(delay_s * 1e9)
        await self._settle(b'-NAK {"delay":%d}' % delay_ns if delay_ns > 0 else b"-NAK")

    async def term(self) -> None:
        await self._settle(b"+TERM")

    async def in_progress(self) -> None:
        if not self._settled:
            await self._send(b"+WPI")

    async def _settle(self, word: bytes) -> None:
        if not self._settled:
            self._settled = True
            await self._send(word)

    async def _send(self, word: bytes) -> None:
        # A full buffer means no connection: then the message comes again, as promised.
        with mapped("settle a message"), suppress(nats.errors.OutboundBufferLimitError):
            await self._client.publish(self._message.reply, word)
