"""Reading from a JetStream pull consumer: pull requests of our own, two in flight, and one buffer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time

from dms_events.aio import cancelled, set_within
from dms_events.errors import ConnectionLostError, TransportError
from dms_events.transport import BufferedReceiver

from ..client import mapped, why_ended
from ..connection import DirectClient
from ..delivery import JetStreamDelivery
from .consumer import Consumer, ConsumerSource
from .request import HELD_BYTES, PullRequest

__all__ = ["PullReceiver"]

_log = logging.getLogger("dms_events")
_HEARTBEAT_S = 5.0
_EXPIRES_S = 30.0
_RETRY_S = 0.25
_QUIET_S = 0.01
_QUIET_LIMIT_S = 1.0
_FATAL = ("Consumer Deleted", "Consumer is push based", "Exceeded MaxRequest")


class PullReceiver(BufferedReceiver[JetStreamDelivery]):
    """Keeps up to ``prefetch`` messages asked for or at hand, in up to ``HELD_BYTES``.

    A pull request ends with a status message, or is lost with its connection. While one is open the
    server sends heartbeats, so silence means that it is lost, and it is sent again.

    Receivers that share a connection and belong together say how many they are (``shared_by``), and share
    the bounds in bytes.
    """

    def __init__(
        self,
        client: DirectClient,
        source: ConsumerSource,
        *,
        prefetch: int,
        ack_wait_s: float,
        arrived: asyncio.Event | None = None,
        expires_s: float = _EXPIRES_S,
        shared_by: int = 1,
    ) -> None:
        super().__init__(arrived)
        self._client = client
        self._consumer = Consumer(source, lambda: int(client.stats["reconnects"]))
        self._prefetch = prefetch
        self._batch = max(1, prefetch // 2)
        """The most messages of one request."""
        self._low = -1
        """When the buffer is down to so many, ask again; -1 while no request waits for room."""
        self._held_bytes = HELD_BYTES // shared_by
        self._credit = 0
        """How many bytes may be asked for until those in the buffer are counted again."""
        self._expires_ns = int(expires_s * 1e9)
        self._heartbeat_ns = min(int(_HEARTBEAT_S * 1e9), self._expires_ns // 3)
        self.ack_wait_s = ack_wait_s
        self._more = 0
        self._retry_at = 0.0
        self._work = asyncio.Event()
        self._requests = [
            PullRequest(
                client.new_inbox(),
                source.origin,
                self.buffer,
                self._arrived,
                self._work,
                self._on_status,
                shared_by=shared_by,
            )
            for _ in range(2)
        ]
        self._open = False
        self._pumping: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Subscribe to the inboxes and ask for the first messages."""
        self._open = True
        with mapped("subscribe"):
            for request in self._requests:
                await request.open(self._client)
        self._work.set()
        self._pumping = asyncio.create_task(self._pump())
        self._keeping = asyncio.create_task(self.keep_alive())
        self._watching = asyncio.create_task(self._consumer.watch(self.ack_wait_s))
        for task in (self._pumping, self._keeping, self._watching):
            task.add_done_callback(self._ended)

    @property
    def at_hand(self) -> int:
        """How many messages may be taken."""
        return len(self.buffer)

    def pop(self) -> JetStreamDelivery | None:
        buffer = self.buffer
        if not buffer:
            return None
        delivery = buffer.popleft()
        if len(buffer) == self._low:
            self._work.set()
        return delivery

    def ask_for_missing(self, count: int) -> None:
        """Ask for up to ``count`` redeliveries, even if the prefetch is used up."""
        if all(request.left <= 0 for request in self._requests):
            # They come before new messages. After a new one none is due; one more tells when they are.
            self._more = count if self.buffer and self.buffer[-1].attempt > 1 else 1
            self._work.set()

    async def backlog(self) -> int:
        return await self._consumer.source.waiting()

    async def pause(self) -> bool:
        if not self._open:
            return True
        await cancelled(self._pumping, self._watching)
        await self._quiet()
        await self._unsubscribe()
        # This question makes the server forget the open pull requests. Else it would send the first
        # message given back to one of them, find that nobody is there, and queue it last.
        if self._client.is_connected:
            with contextlib.suppress(TransportError):
                await self._consumer.source.waiting()
        return True

    async def abandon(self) -> None:
        """Stop receiving. Unsettled messages come again after the ack wait, maybe to other readers."""
        self.lose()
        await cancelled(self._pumping, self._watching)
        await self._unsubscribe()
        await cancelled(self._keeping)
        self.buffer.clear()
        self.fail(ConnectionLostError("the subscription is closed"))

    def lose(self) -> None:
        """Another reader owns the messages taken here: from now on they can only be acknowledged."""
        self._consumer.source.origin.lost = True

    async def close(self) -> None:
        await self.pause()
        await cancelled(self._keeping)
        if not self._client.is_closed:
            await self.give_back()
            with contextlib.suppress(TransportError):
                await self._consumer.source.forget()
        self.fail(ConnectionLostError("the subscription is closed"))

    async def _quiet(self) -> None:
        """Wait until no message seems to be on its way.

        A message that the server sends just when it is told to send no more would be lost on the way,
        and come again only after the ack wait.
        """
        deadline = time.monotonic() + _QUIET_LIMIT_S
        heard = True
        while heard and time.monotonic() < deadline:
            asked = [request for request in self._requests if request.left > 0]
            if not asked or not self._client.is_connected:
                return
            for request in asked:
                request.heard()
            with contextlib.suppress(TransportError):
                await self._consumer.source.waiting()
            await asyncio.sleep(_QUIET_S)
            heard = any([*map(PullRequest.heard, asked)])

    async def _unsubscribe(self) -> None:
        """Take the messages that have arrived, and no more."""
        if self._open and not self._client.is_closed:
            self._open = False
            for request in self._requests:
                await request.drain()

    def reconnected(self) -> None:
        """Ask again: the pull requests went with the old connection."""
        for request in self._requests:
            request.left = 0
        self._work.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if failure := why_ended(task):
            self.fail(failure)

    def _on_status(self, status: str, description: str) -> None:
        """Take in that a request ended before all its messages came."""
        if status == "400" or description.startswith(_FATAL):
            self.fail(TransportError(f"the subscription ended: {description} ({status})"))
            return
        # 404 and 408 end a request in peace; 409 and 503 say that the server is not ready for one.
        if status not in ("404", "408"):
            self._retry_at = time.monotonic() + _RETRY_S
        self._work.set()

    async def _pump(self) -> None:
        while True:
            await set_within(self._work, _HEARTBEAT_S)
            self._work.clear()
            if (pause := self._retry_at - time.monotonic()) > 0:
                await asyncio.sleep(pause)
                await self._check_consumer()
            lost = [request for request in self._requests if request.is_lost(1.5 * _HEARTBEAT_S)]
            for request in lost:
                request.left = 0
            if lost and self._client.is_connected:
                await self._check_consumer()
            if self._client.is_connected:
                await self._ask()

    async def _ask(self) -> None:
        """Send each request that is not open, if there is room for its messages."""
        self._low = -1
        for request, other in zip(self._requests, reversed(self._requests), strict=True):
            if request.left > 0:
                continue
            open_ = max(0, other.left)
            extra, self._more = self._more, 0
            batch = extra or self._room(open_)
            if not batch or not (extra or self._has_credit(request, other)):
                self._low = len(self.buffer) // 2
                return
            # The server serves open requests in turns. If they are unequal, one is always on its way,
            # which matters when the reader waits for the server.
            if not open_ and not self.buffer:
                batch = max(1, batch // 2)
            await request.ask(
                self._client,
                self._consumer.source.api_subject,
                batch,
                expires_ns=self._expires_ns,
                heartbeat_ns=self._heartbeat_ns,
            )

    def _room(self, asked: int) -> int:
        """How many messages to ask for; 0 while there is little room."""
        room = self._prefetch - len(self.buffer) - asked
        return min(room, self._batch) if room >= max(1, self._batch // 2) else 0

    def _has_credit(self, request: PullRequest, other: PullRequest) -> bool:
        """Return True if there is room for the bytes that a request may bring; then they are counted.

        The buffer is counted once in several requests, so that single messages cost nothing. A request
        for more bytes than may be held at all is sent when none are held.
        """
        if self._credit < request.max_bytes:
            asked = other.max_bytes if other.left > 0 else 0
            self._credit = self._held_bytes - asked - sum(d.size for d in self.buffer)
        if self._credit < request.max_bytes and (self.buffer or other.left > 0):
            return False
        self._credit -= request.max_bytes
        return True

    async def _check_consumer(self) -> None:
        """Check the consumer, since requests are pointless if it is gone."""
        last = max((r.last.sequence for r in self._requests if r.last is not None), default=0)
        before = self._consumer.source
        try:
            await self._consumer.check(last)
        except TransportError as error:
            self.fail(error)
        if self._consumer.source is not before:
            for request in self._requests:
                request.follow(self._consumer.source.origin)
