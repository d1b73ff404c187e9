"""Reading from a JetStream pull consumer: pull requests of our own, two in flight, and one callback."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from itertools import count

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from dms_events.aio import cancelled, set_within
from dms_events.errors import ConnectionLostError, TransportError
from dms_events.transport import Receiver

from ..client import NotThereError, mapped, why_ended
from ..delivery import JetStreamDelivery, Origin, subscribe_callback

__all__ = ["PullReceiver"]

_log = logging.getLogger("dms_events")
_HEARTBEAT_S = 5.0
_EXPIRES_S = 30.0
_RETRY_S = 0.25
_QUIET_S = 0.01
_QUIET_LIMIT_S = 1.0
_FATAL = ("Consumer Deleted", "Consumer is push based", "Exceeded MaxRequest")


class _Pull(msgspec.Struct):
    batch: int
    expires: int
    idle_heartbeat: int


class PullReceiver(Receiver):
    """Keeps up to ``prefetch`` messages asked for or at hand.

    A pull request can be lost with its connection, and ends with a status message otherwise; while one
    is open the server sends heartbeats, so silence means that it is lost and is asked again.
    """

    def __init__(
        self,
        client: Client,
        api_subject: str,
        origin: Origin,
        *,
        prefetch: int,
        ack_wait_s: float,
        waiting: Callable[[], Awaitable[int]],
        forget: Callable[[], Awaitable[None]],
        arrived: asyncio.Event | None = None,
        expires_s: float = _EXPIRES_S,
    ) -> None:
        self._client = client
        self._api_subject = api_subject
        self._origin = origin
        self._type_names = origin.subjects.type_names
        self._prefetch = prefetch
        self._low = prefetch // 2
        self._expires_ns = int(expires_s * 1e9)
        self._heartbeat_ns = min(int(_HEARTBEAT_S * 1e9), self._expires_ns // 3)
        self.ack_wait_s = ack_wait_s
        self._waiting = waiting
        self._forget = forget
        self._prefix = client.new_inbox() + "."
        self._tokens = count()
        self._buffer: deque[JetStreamDelivery] = deque()
        self._held = 0
        """How many are asked for or in the buffer."""
        self._more = 0
        """To be asked for although half of the prefetch is not used up."""
        self._heard = False
        """Something came since that was last looked at."""
        self._heard_at = time.monotonic()
        self._retry_at = 0.0
        self.failure: TransportError | None = None
        """Why nothing will arrive any more."""
        self._work = asyncio.Event()
        self._arrived = arrived or asyncio.Event()
        self._subscription: Subscription | None = None
        self._pumping: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Subscribe to the inbox and ask for the first messages."""
        with mapped("subscribe"):
            self._subscription = await subscribe_callback(
                self._client, self._prefix + "*", self._on_message
            )
        self._work.set()
        self._pumping = asyncio.create_task(self._pump())
        self._keeping = asyncio.create_task(self._keep_alive())
        for task in (self._pumping, self._keeping):
            task.add_done_callback(self._ended)

    @property
    def at_hand(self) -> int:
        """How many may be taken."""
        return len(self._buffer)

    def pop(self) -> JetStreamDelivery | None:
        if not self._buffer:
            return None
        self._held -= 1
        if self._held == self._low:
            self._work.set()
        return self._buffer.popleft()

    def peek(self) -> JetStreamDelivery | None:
        """What `pop` would return."""
        return self._buffer[0] if self._buffer else None

    def buffered(self) -> tuple[JetStreamDelivery, ...]:
        """The messages at hand."""
        return tuple(self._buffer)

    def sort(self) -> None:
        """Bring the messages at hand into the order of the stream, and have whoever waits look."""
        self._buffer = deque(sorted(self._buffer, key=lambda delivery: delivery.sequence))
        self._arrived.set()

    def ask_for_missing(self, count: int) -> None:
        """Have up to ``count`` redeliveries come, also where the prefetch is used up."""
        if not self._waits:
            # They come before what is new. After a new message none is due; one more tells when they are.
            due = bool(self._buffer) and self._buffer[-1].attempt > 1
            self._more = count if due else 1
            self._work.set()

    async def wait(self, timeout_s: float | None) -> bool:
        if not self._buffer and self.failure is None:
            self._arrived.clear()
            await set_within(self._arrived, timeout_s)
        if not self._buffer and self.failure is not None:
            raise self.failure
        return bool(self._buffer)

    async def backlog(self) -> int:
        return await self._waiting()

    async def pause(self) -> None:
        if self._subscription is None:
            return
        await cancelled(self._pumping)
        await self._quiet()
        await self._unsubscribe()
        # Asking has the server forget the open pull requests. Else it would take the first message that
        # is given back for one of them, find that nobody is there, and queue it last.
        if self._client.is_connected:
            with contextlib.suppress(TransportError):
                await self._waiting()

    async def abandon(self) -> None:
        """Stop receiving. All that is not settled comes again after the ack wait, maybe to others."""
        self.lose()
        await cancelled(self._pumping)
        await self._unsubscribe()
        await cancelled(self._keeping)
        self._buffer.clear()
        self.fail(ConnectionLostError("the subscription is closed"))

    def lose(self) -> None:
        """Another reader has what was taken here: nothing more is said about it but that it is done."""
        self._origin.lost = True

    async def close(self) -> None:
        await self.pause()
        await cancelled(self._keeping)
        if not self._client.is_closed:
            while self._buffer:
                with contextlib.suppress(ConnectionLostError):
                    await self._buffer.popleft().nak()
            with contextlib.suppress(TransportError):
                await self._forget()
        self.fail(ConnectionLostError("the subscription is closed"))

    async def _quiet(self) -> None:
        """Wait until nothing seems to be on its way.

        What the server sends at the moment at which it is told to send no more is lost on the way, and
        comes again only after the ack wait.
        """
        deadline = time.monotonic() + _QUIET_LIMIT_S
        self._heard = True
        while self._waits and self._heard and time.monotonic() < deadline:
            self._heard = False
            if not self._client.is_connected:
                return
            with contextlib.suppress(TransportError):
                await self._waiting()
            await asyncio.sleep(_QUIET_S)

    async def _unsubscribe(self) -> None:
        """Read what has arrived, and nothing more."""
        if self._subscription is not None and not self._client.is_closed:
            subscription, self._subscription = self._subscription, None
            with contextlib.suppress(nats.errors.Error, TimeoutError):
                await subscription.drain()  # type: ignore[no-untyped-call]

    def reconnected(self) -> None:
        """The pull requests went with the old connection."""
        self._held = 0
        self._work.set()

    def fail(self, error: TransportError) -> None:
        """Nothing will arrive any more."""
        self.failure = self.failure or error
        self._arrived.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if failure := why_ended(task):
            self.fail(failure)

    def _free(self) -> int:
        """How many to ask for: none until half of the prefetch is used up."""
        self._held = max(self._held, len(self._buffer))
        if self._more:
            more, self._more = self._more, 0
            return more
        return self._prefetch - self._held if self._held <= self._low else 0

    @property
    def _waits(self) -> bool:
        """Something was asked for and has not come."""
        return self._held > len(self._buffer)

    def _on_message(self, message: JetStreamDelivery) -> None:
        self._heard = True
        if message.reply:
            message.origin = self._origin
            message.type_name = self._type_names[message.subject]
            if not self._buffer:  # nobody waits while there is one
                self._arrived.set()
            self._buffer.append(message)
        else:
            self._on_status(message.headers or {})

    def _on_status(self, headers: dict[str, str]) -> None:
        status, description = headers.get("Status", ""), headers.get("Description", "")
        if status == "100":
            return
        if status == "400" or description.startswith(_FATAL):
            self.fail(TransportError(f"the subscription ended: {description} ({status})"))
            return
        # 404 and 408 end a request in peace; 409 and 503 say that the server is not ready for one.
        left = headers.get("Nats-Pending-Messages")
        self._held = self._held - int(left) if left else 0
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
            if self._heard:
                self._heard, self._heard_at = False, time.monotonic()
            elif self._waits and time.monotonic() - self._heard_at > 1.5 * _HEARTBEAT_S:
                self._held = 0
            if self._client.is_connected and (batch := self._free()):
                await self._pull(batch)

    async def _pull(self, batch: int) -> None:
        self._held += batch
        self._heard_at = time.monotonic()
        with contextlib.suppress(nats.errors.Error):
            await self._client.publish(
                self._api_subject,
                msgspec.json.encode(_Pull(batch, self._expires_ns, self._heartbeat_ns)),
                reply=f"{self._prefix}{next(self._tokens)}",
            )

    async def _check_consumer(self) -> None:
        """Asking is pointless where the consumer is gone; other failures pass."""
        try:
            await self._waiting()
        except NotThereError as error:
            self.fail(error)
        except TransportError as error:
            _log.debug("%s", error)

    async def _keep_alive(self) -> None:
        """What waits in the buffer must not be delivered again meanwhile."""
        while True:
            await asyncio.sleep(self.ack_wait_s / 3)
            for delivery in list(self._buffer):
                with contextlib.suppress(ConnectionLostError):
                    await delivery.in_progress()
