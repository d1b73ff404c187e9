"""One pull request at a time, bounded in messages and in bytes, with an inbox of its own."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Final

import msgspec
import nats.errors
from nats.aio.subscription import Subscription

from ..connection import DirectClient, read_headers
from ..delivery import JetStreamDelivery, NatsDelivery, Origin
from .foreign import InboxFilter

__all__ = ["HELD_BYTES", "REQUEST_BYTES", "PullRequest"]

REQUEST_BYTES: Final = (1 << 20) + (1 << 16)
"""The most bytes of one request: an event of the server's default ``max_payload``, and its subjects. Two
requests are open at a time, and a server with a ``max_pending`` of 4 MB has to hold the bytes of both."""
HELD_BYTES: Final = 8 << 20
"""The most bytes of messages that were asked for or have arrived, and were not taken yet."""
_LEAST_BYTES: Final = 1 << 16
_MOST_BYTES: Final = 1 << 27
"""The server takes no message of 64 MB or more, by default."""
_TOO_LARGE: Final = "Message Size Exceeds MaxBytes"
_DONE: Final = (_TOO_LARGE, "Batch Completed")


class _Body(msgspec.Struct):
    batch: int
    max_bytes: int
    expires: int
    idle_heartbeat: int


class PullRequest:
    """Asks for messages, and knows how many of them have not come.

    The messages, and the status with which the server ends the request, come to the inbox of this
    request alone. So the number of its open messages and bytes is known.
    """

    __slots__ = (
        "_arrived",
        "_batch",
        "_beat",
        "_buffer",
        "_filter",
        "_heard_at",
        "_inbox",
        "_is_first",
        "_on_status",
        "_origin",
        "_parts",
        "_reply",
        "_seen",
        "_subscription",
        "_tokens",
        "_work",
        "last",
        "left",
        "max_bytes",
    )

    def __init__(
        self,
        inbox: str,
        origin: Origin,
        buffer: deque[JetStreamDelivery],
        arrived: asyncio.Event,
        work: asyncio.Event,
        on_status: Callable[[str, str], None],
        *,
        shared_by: int,
    ) -> None:
        self._inbox = inbox + "."
        self.follow(origin)
        self._parts = origin.parts
        self._buffer = buffer
        self._arrived = arrived
        self._work = work
        self._on_status = on_status
        self._tokens = count()
        self._reply = ""
        self._batch = 0
        self.left = 0
        """How many messages were asked for and have not come; 0 or less if the request is not open."""
        self.max_bytes = max(_LEAST_BYTES, REQUEST_BYTES // shared_by)
        self.last: JetStreamDelivery | None = None
        """The message that came last."""
        self._seen: JetStreamDelivery | None = None
        self._beat = False
        """True if a status came since the last call of `heard`."""
        self._heard_at = time.monotonic()
        self._subscription: Subscription | None = None

    def follow(self, origin: Origin) -> None:
        """From now on take messages of this consumer only."""
        self._origin = origin
        self._filter = InboxFilter(origin.first)
        self._is_first = self._filter.is_first

    async def open(self, client: DirectClient) -> None:
        """Subscribe to the inbox. Errors of nats-py pass through."""
        self._subscription = await client.subscribe_direct(self._inbox + "*", self._take)

    async def drain(self) -> None:
        """Take the messages that have arrived, and no more."""
        self.last = self._seen = None
        if self._subscription is not None:
            subscription, self._subscription = self._subscription, None
            with contextlib.suppress(nats.errors.Error, TimeoutError):
                await subscription.drain()  # type: ignore[no-untyped-call]

    async def ask(
        self,
        client: DirectClient,
        api_subject: str,
        batch: int,
        *,
        expires_ns: int,
        heartbeat_ns: int,
    ) -> None:
        """Ask for a batch. Without a connection nothing is sent; the loss is noticed by the silence."""
        self.left = self._batch = batch
        self._reply = f"{self._inbox}{next(self._tokens)}"
        self._heard_at = time.monotonic()
        with contextlib.suppress(nats.errors.Error):
            await client.publish(
                api_subject,
                msgspec.json.encode(_Body(batch, self.max_bytes, expires_ns, heartbeat_ns)),
                reply=self._reply,
            )

    def heard(self) -> bool:
        """Return True if a message or a status came since the last call."""
        heard = self._beat or self.last is not self._seen
        self._beat, self._seen = False, self.last
        if heard:
            self._heard_at = time.monotonic()
        return heard

    def is_lost(self, silence_s: float) -> bool:
        """Return True if the request is open, and not even a heartbeat came for ``silence_s``."""
        return self.left > 0 and not self.heard() and time.monotonic() - self._heard_at > silence_s

    def _take(self, subject: str, reply: str, data: bytes, headers: bytes | None) -> None:
        if not self._is_first(reply) and self._filter.ignores(
            NatsDelivery(subject, reply, data, headers)
        ):
            return
        if reply:
            type_name, source = self._parts[subject]
            message = JetStreamDelivery(
                subject, reply, data, headers, self._origin, type_name, source
            )
            buffer = self._buffer
            if not buffer:  # no reader waits while there is a message
                self._arrived.set()
            buffer.append(message)
            self.last = message
            self.left = left = self.left - 1
            if not left:
                self._work.set()
        elif headers:
            self._end(subject, read_headers(headers))

    def _end(self, subject: str, headers: dict[str, str]) -> None:
        self._beat = True
        status, description = headers.get("Status", ""), headers.get("Description", "")
        if status == "100" or subject != self._reply:  # a heartbeat, or of an earlier request
            return
        # If no message came, none fitted: the next message alone is larger than the whole request.
        if description == _TOO_LARGE and headers.get("Nats-Pending-Messages") == str(self._batch):
            self.max_bytes = min(2 * self.max_bytes, _MOST_BYTES)
        self.left = 0
        self._on_status("408" if description in _DONE else status, description)
