"""Publishing one message at a time: a future waits for its ack; without an ack, a `Call` is made."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from dms_events.transport import OutgoingMessage

from ..connection import DirectClient
from ..subjects import Subjects
from .call import POLL_S, ROOM_BYTES, SILENCE_S, Call, Patience, make_room

__all__ = ["Single", "Singles"]

_LOOKS = 4


class Single:
    """A message that is published alone. Its ack is found by ``token``, the end of its reply subject."""

    __slots__ = ("call", "done", "message", "since", "stored", "token")

    def __init__(self, token: str, message: OutgoingMessage, done: asyncio.Future[None]) -> None:
        self.token = token
        self.message = message
        self.since = time.monotonic()
        """When the message was sent; before that, when it was handed over."""
        self.stored = False
        self.done = done
        """The message is stored, or has become a call."""
        self.call: Call | None = None


class Singles:
    """The messages that are published one by one.

    A message becomes a call of its own when anything but its ack comes: another reply, silence, the loss
    of the connection, a refusal, a cancellation. The call is among ``calls`` at once and misses nothing.
    """

    def __init__(
        self,
        client: DirectClient,
        subjects: Subjects,
        prefix: str,
        calls: dict[str, Call],
        timeout_s: float,
    ) -> None:
        self._client = client
        self._subjects = subjects
        self._prefix = prefix
        self._calls = calls
        self._timeout_s = timeout_s
        self._silence_s = min(SILENCE_S, timeout_s / 2)
        self.waiting: dict[str, Single] = {}
        """The messages that were sent and wait for acks, by token, the oldest first."""
        self._queue: deque[Single] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def publish(self, token: str, message: OutgoingMessage) -> Single:
        """Send a message at once, or in its turn if the connection has no room."""
        loop, client = asyncio.get_running_loop(), self._client
        single = Single(token, message, loop.create_future())
        if self._queue or client.pending_data_size > ROOM_BYTES or not client.is_connected:
            self._queue.append(single)
            if self._sending is None or self._sending.done():
                self._sending = loop.create_task(self._send_queued())
        else:
            self._send(single)
        return single

    def settle(self, single: Single) -> None:
        """Take in the ack of a message."""
        del self.waiting[single.token]
        single.stored = True
        if not single.done.done():
            single.done.set_result(None)

    def become_calls(self) -> None:
        """Make calls of all messages that were sent and wait for acks."""
        for single in list(self.waiting.values()):
            self.call_of(single)

    def call_of(self, single: Single) -> Call:
        """Return the call that a message becomes; without an open message if its ack came before."""
        if single.call is None:
            call = single.call = Call(self._client, (), self._timeout_s)
            if single.stored:
                call.settled = 1
            else:
                self.waiting.pop(single.token, None)
                call.take_over(single.token, single.message, single.since)
                self._calls[single.token] = call
            if not single.done.done():
                single.done.set_result(None)
        return single.call

    def give_up_queue(self) -> None:
        """Make calls of all messages that wait to be sent."""
        while self._queue:
            self.call_of(self._queue.popleft()).retry()

    def _send(self, single: Single) -> None:
        message, token = single.message, single.token
        self.waiting[token] = single
        subject = self._subjects.of(message)
        self._client.send_identified(subject, message.data, self._prefix + token, message.id)
        if self._timer is None:
            self._look_later()

    async def _send_queued(self) -> None:
        """Send the queued messages in order, until the queue is empty or nothing moves any more."""
        client, queue = self._client, self._queue
        patience = Patience(client, self._timeout_s)
        try:
            while queue and patience.left_s():
                await make_room(client, patience)
                if not client.is_connected:
                    await asyncio.sleep(POLL_S)
                    continue
                while queue and client.pending_data_size <= ROOM_BYTES:
                    patience.renew()
                    single = queue.popleft()
                    if single.call is None:  # else it was cancelled
                        single.since = time.monotonic()
                        self._send(single)
        finally:
            self.give_up_queue()

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._silence_s / _LOOKS, self._look)

    def _look(self) -> None:
        """Make calls of the messages that have had no answer for long."""
        silent_since = time.monotonic() - self._silence_s
        for single in list(self.waiting.values()):
            if single.since > silent_since:
                break
            call = self.call_of(single)
            if self._client.is_connected:
                call.arrival.ask()
        self._timer = None
        if self.waiting:
            self._look_later()
