"""One call of publish or publish_many: its unacknowledged and refused messages, and how long it waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

import nats.errors

from dms_events.errors import PublishError
from dms_events.transport import OutgoingMessage

from ..connection import DirectClient
from .no_stream import NoStreamProbe

__all__ = ["POLL_S", "ROOM_BYTES", "SILENCE_S", "Arrival", "Call", "Patience", "make_room"]

ROOM_BYTES = 1 << 20
POLL_S = 0.02
SILENCE_S = 5.0
"""After so long without an answer, the server is asked whether the messages sent have arrived."""
_AS_LONG_AS_IT_TAKES_S = 86_400


class Arrival:
    """Tells when everything sent before has reached the server: acks still missing then are lost."""

    def __init__(self, client: DirectClient, tell: Callable[[], None]) -> None:
        self._client = client
        self._tell = tell
        self._asking: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Start to ask, unless that is under way."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())

    def cancel(self) -> None:
        """Ask no more: nobody wants to know, or the connection is gone."""
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def _ask(self) -> None:
        try:
            # The client's PING overtakes its own buffer: only the answer to the second one counts.
            await self._client.flush(_AS_LONG_AS_IT_TAKES_S)
            await self._client.flush(_AS_LONG_AS_IT_TAKES_S)
        except (nats.errors.Error, OSError):
            return  # the connection is gone; over the next one everything is sent again
        self._tell()


class Patience:
    """Limits the time in which nothing moves: no acknowledgement comes, and no waiting byte leaves."""

    def __init__(self, client: DirectClient, limit_s: float) -> None:
        self._client = client
        self._limit_s = limit_s
        self._least = float("inf")
        self._moved_at = time.monotonic()

    def renew(self) -> None:
        """Note that something moved."""
        self._moved_at = time.monotonic()

    def watch(self) -> None:
        """From now on, fewer unsent bytes in this process than there are now count as a move."""
        self._least = self._client.unsent_bytes

    def resume(self, moved_at: float) -> None:
        """Watch a wait that began before. Something moved last at ``moved_at``, in `time.monotonic`."""
        self.watch()
        self._moved_at = moved_at

    def left_s(self) -> float:
        """Return how long to go on waiting."""
        if (unsent := self._client.unsent_bytes) < self._least:
            self._least = unsent
            self.renew()
        return max(0.0, self._moved_at + self._limit_s - time.monotonic())


async def make_room(client: DirectClient, patience: Patience) -> None:
    """Wait until few enough bytes are unsent, or the connection is gone, or patience ends.

    The client itself would wait in a way that swallows a cancellation.
    """
    patience.watch()
    pause_s = 0.0
    while client.pending_data_size > ROOM_BYTES and client.is_connected and patience.left_s():
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s + POLL_S / 20, POLL_S)


class Call:
    """One publish or publish_many, with its unacknowledged and its refused messages."""

    def __init__(
        self, client: DirectClient, messages: Iterable[OutgoingMessage], timeout_s: float
    ) -> None:
        self._source = self._held(messages)
        self._back: Iterator[OutgoingMessage] = iter(())
        self.rest: Iterator[OutgoingMessage] = self._source
        self.failure: Exception | None = None
        self.unacked: dict[str, OutgoingMessage] = {}
        self.bytes = 0
        self.refused: dict[str, OutgoingMessage] = {}
        self._for_good: list[OutgoingMessage] = []
        self.reason = ""
        self.unheard = False
        self.retry_planned = False
        self.no_stream: NoStreamProbe | None = None
        self.settled = 0
        """How many messages were acknowledged or refused."""
        self.stored_fast = 0
        self.sent_before: set[str] = set()
        """The identities of messages that may reach the server more than once."""
        self.patience = Patience(client, timeout_s)
        self.arrival = Arrival(client, self.retry)
        self.wake_at = 0
        self._waiter: asyncio.Future[None] | None = None

    def _held(self, messages: Iterable[OutgoingMessage]) -> Iterator[OutgoingMessage]:
        """Yield the messages, up to the point at which the caller's iterable fails."""
        try:
            yield from messages
        except Exception as error:  # noqa: BLE001
            self.failure = error

    @property
    def accepted(self) -> int:
        """How many messages are known to be stored."""
        return self.settled - len(self.refused) + self.stored_fast

    def not_accepted(self, reason: str) -> PublishError:
        """Return the error with the messages refused, unacknowledged or not sent, in the order given."""
        ends = {**self.refused, **self.unacked}
        in_order = [ends[token] for token in sorted(ends, key=int)]
        return PublishError(reason, [*in_order, *self._back], self.accepted, self._for_good)

    def take_over(self, token: str, message: OutgoingMessage, sent_at: float) -> None:
        """Wait for a message that was sent at ``sent_at``, in `time.monotonic`."""
        self.unacked[token] = message
        self.bytes += len(message.data)
        self.patience.resume(sent_at)

    def refuse(self, token: str, reason: str, *, for_good: bool) -> None:
        """Count an unacknowledged message as refused."""
        message = self.refused[token] = self.unacked.pop(token)
        if for_good:
            self._for_good.append(message)
        self.bytes -= len(message.data)
        self.settled += 1
        self.reason = reason
        self.wake()

    def take_back(self, messages: Iterable[OutgoingMessage]) -> None:
        """Take back messages, which are sent next."""
        self._back = chain(messages, self._back)
        self.rest = chain(self._back, self._source)

    def retry_in(self, delay_s: float) -> None:
        """Have the unacknowledged messages sent again after ``delay_s``."""
        if not self.retry_planned:
            self.retry_planned = True
            asyncio.get_running_loop().call_later(delay_s, self.retry)

    def retry(self) -> None:
        """Have the unacknowledged messages sent again."""
        self.retry_planned = False
        self.unheard = True
        self.wake()

    def wake(self) -> None:
        """End the wait."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, until: int, timeout_s: float) -> bool:
        """Wait until at most ``until`` messages are unacknowledged, one is refused, or the timeout.

        Returns True if a message was settled meanwhile.
        """
        before, self.wake_at = self.settled, until
        self._waiter = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._waiter], timeout=timeout_s)
        self._waiter = None
        if self.settled == before:
            return False
        self.patience.renew()
        return True
