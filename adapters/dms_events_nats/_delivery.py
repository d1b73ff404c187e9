"""A message from JetStream."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from dms_events.identity import id_of_place
from dms_events.transport import Delivery

from ._errors import translated
from ._subjects import Subjects

__all__ = ["JetStreamDelivery", "NatsDelivery", "Origin"]


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


class Origin:
    """What all messages of one subscription have in common."""

    __slots__ = ("client", "created", "subjects")

    def __init__(self, client: Client, subjects: Subjects, created: str) -> None:
        self.client = client
        self.subjects = subjects
        self.created = created
        """When the stream was made, as the server writes it."""


class JetStreamDelivery(NatsDelivery):
    """Where it lies and how often it was delivered is in its reply subject, parsed when asked for."""

    __slots__ = ("_origin", "_settled", "_tokens")

    def __init__(self, origin: Origin, message: Msg) -> None:
        self.data = message.data
        self._subjects = origin.subjects
        self._message = message
        self._origin = origin
        self._tokens: list[str] | None = None
        self._settled = False

    def _parsed(self) -> list[str]:
        """``[stream, consumer, delivered, stream seq, consumer seq, time, pending]``."""
        tokens = self._message.reply.split(".")
        # $JS.ACK.<stream>…, or $JS.ACK.<domain>.<account>.<stream>… from servers with domains
        self._tokens = tokens = tokens[2:] if len(tokens) == 9 else tokens[4:]
        return tokens

    @property
    def attempt(self) -> int:
        return int((self._tokens or self._parsed())[2])

    @property
    def sequence(self) -> int:
        return int((self._tokens or self._parsed())[3])

    @property
    def place_id(self) -> str:
        return id_of_place((self._tokens or self._parsed())[0], self._origin.created, self.sequence)

    @property
    def stored_ns(self) -> int:
        return int((self._tokens or self._parsed())[5])

    @property
    def settled(self) -> bool:
        """Whether the server was told what became of it."""
        return self._settled

    def ack(self) -> Coroutine[Any, Any, None]:
        return self._say(b"+ACK")

    def nak(self, delay_s: float = 0.0) -> Coroutine[Any, Any, None]:
        delay_ns = int(delay_s * 1e9)
        return self._say(b'-NAK {"delay":%d}' % delay_ns if delay_ns > 0 else b"-NAK")

    def term(self) -> Coroutine[Any, Any, None]:
        return self._say(b"+TERM")

    def in_progress(self) -> Coroutine[Any, Any, None]:
        return self._say(b"+WPI", last=False)

    async def _say(self, word: bytes, *, last: bool = True) -> None:
        """Tell the server, unless the last word was said already."""
        if self._settled:
            return
        self._settled = last
        try:
            await self._origin.client.publish(self._message.reply, word)
        except nats.errors.OutboundBufferLimitError:
            pass  # there is no connection: the message comes again, as promised
        except (nats.errors.Error, OSError) as error:
            raise translated("settle a message", error) from error
