"""One call of publish or publish_many: what is open, what was refused, and how long it waits."""

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
"""After which it is asked whether what was sent has arrived."""
_AS_LONG_AS_IT_TAKES_S = 86_400


class Arrival:
    """Tells when all that was sent before has reached the server, so that what is missing is lost."""

    def __init__(self, client: DirectClient, tell: Callable[[], None]) -> None:
        self._client = client
        self._tell = tell
        self._asking: asyncio.Task[None] | None = None

    def ask(self) -> None:
        """Have it told, once."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())

    def cancel(self) -> None:
        """Nobody wants to know any more, or the connection is gone."""
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def _ask(self) -> None:
        try:
            # The client's PING overtakes its own buffer: the answer to the second one says it.
            await self._client.flush(_AS_LONG_AS_IT_TAKES_S)
            await self._client.flush(_AS_LONG_AS_IT_TAKES_S)
        except (nats.errors.Error, OSError):
            return  # the connection is gone, after which all is sent again
        self._tell()


class Patience:
    """How long nothing may move: neither an acknowledgement comes, nor a waiting byte leaves."""

    def __init__(self, client: DirectClient, limit_s: float) -> None:
        self._client = client
        self._limit_s = limit_s
        self._least = float("inf")
        self._moved_at = time.monotonic()

    def renew(self) -> None:
        """Something moved."""
        self._moved_at = time.monotonic()

    def watch(self) -> None:
        """From now on it is a move when less waits in this process than does now."""
        self._least = self._client.unsent_bytes

    def resume(self, moved_at: float) -> None:
        """Watch what began before, and moved last at a time of `time.monotonic`."""
        self.watch()
        self._moved_at = moved_at

    def left_s(self) -> float:
        """How long to wait yet."""
        if (unsent := self._client.unsent_bytes) < self._least:
            self._least = unsent
            self.renew()
        return max(0.0, self._moved_at + self._limit_s - time.monotonic())


async def make_room(client: DirectClient, patience: Patience) -> None:
    """Wait until little enough waits in the client, or the connection is gone, or patience ends.

    The client itself would wait in a way that swallows a cancellation.
    """
    patience.watch()
    pause_s = 0.0
    while client.pending_data_size > ROOM_BYTES and client.is_connected and patience.left_s():
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s + POLL_S / 20, POLL_S)


class Call:
    """One publish or publish_many: what it sent and is not acknowledged, and what was refused."""

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
        """How many were acknowledged or refused."""
        self.stored_fast = 0
        self.sent_before: set[str] = set()
        """The identities of what may have reached the server more than once."""
        self.patience = Patience(client, timeout_s)
        self.arrival = Arrival(client, self.retry)
        self.wake_at = 0
        self._waiter: asyncio.Future[None] | None = None

    def _held(self, messages: Iterable[OutgoingMessage]) -> Iterator[OutgoingMessage]:
        """The messages, up to where the caller's iterable fails."""
        try:
            yield from messages
        except Exception as error:  # noqa: BLE001
            self.failure = error

    @property
    def accepted(self) -> int:
        """How many are known to be stored."""
        return self.settled - len(self.refused) + self.stored_fast

    def not_accepted(self, reason: str) -> PublishError:
        """The error that says what is open: refused, not acknowledged or not sent, in the order given."""
        ends = {**self.refused, **self.unacked}
        in_order = [ends[token] for token in sorted(ends, key=int)]
        return PublishError(reason, [*in_order, *self._back], self.accepted, self._for_good)

    def take_over(self, token: str, message: OutgoingMessage, sent_at: float) -> None:
        """Wait for a message that was sent before, at a time of `time.monotonic`."""
        self.unacked[token] = message
        self.bytes += len(message.data)
        self.patience.resume(sent_at)

    def refuse(self, token: str, reason: str, *, for_good: bool) -> None:
        """Have a message that is unacknowledged refused."""
        message = self.refused[token] = self.unacked.pop(token)
        if for_good:
            self._for_good.append(message)
        self.bytes -= len(message.data)
        self.settled += 1
        self.reason = reason
        self.wake()

    def take_back(self, messages: Iterable[OutgoingMessage]) -> None:
        """Have them sent next."""
        self._back = chain(messages, self._back)
        self.rest = chain(self._back, self._source)

    def retry_in(self, delay_s: float) -> None:
        """Have what is unacknowledged sent again after a while."""
        if not self.retry_planned:
            self.retry_planned = True
            asyncio.get_running_loop().call_later(delay_s, self.retry)

    def retry(self) -> None:
        """Have what is unacknowledged sent again."""
        self.retry_planned = False
        self.unheard = True
        self.wake()

    def wake(self) -> None:
        """End the wait."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, until: int, timeout_s: float) -> bool:
        """Until no more than ``until`` are unacknowledged, something was refused, or the timeout.

        Returns whether anything was settled meanwhile.
        """
        before, self.wake_at = self.settled, until
        self._waiter = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._waiter], timeout=timeout_s)
        self._waiter = None
        if self.settled == before:
            return False
        self.patience.renew()
        return True
