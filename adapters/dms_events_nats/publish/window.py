"""The publish window of JetStream: one reply inbox for all acks, no round trip for each message."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from dms_events.errors import PublishError
from dms_events.transport import OutgoingMessage, PublishCounts

from ..client import mapped
from ..connection import Denial, DirectClient, NotPermittedError
from ..subjects import Subjects
from .call import ROOM_BYTES, SILENCE_S, Call, make_room
from .fast_ingest import Ingest
from .fit import unfit
from .inbox import AckInbox

__all__ = ["Publisher"]

_WINDOW = 500
_WINDOW_BYTES = 8 << 20
_GRACE_S = 0.05
"""Time for acks that wait in an event loop which stood still meanwhile."""


class Publisher:
    """Publishes with acks. Messages that a lost connection leaves unacknowledged are sent again, under
    the same ``Nats-Msg-Id``; the server stores each id once within its duplicate window. A call ends
    with an error when no ack came and no waiting byte left for ``timeout_s``.
    """

    def __init__(self, client: DirectClient, subjects: Subjects, timeout_s: float) -> None:
        self._client = client
        self._subjects = subjects
        self._timeout_s = timeout_s
        self._inbox = AckInbox(client, subjects, timeout_s)
        self._ingest = Ingest(client, subjects, self._inbox.streams, self._inbox.ignored)
        self._ended = ""
        """The reason why no ack will arrive; empty while acks may arrive."""

    @property
    def counts(self) -> PublishCounts:
        """The duplicates that the server reported, and the replies that were ignored."""
        inbox = self._inbox
        return PublishCounts(duplicates=inbox.duplicates.count, ignored_replies=inbox.ignored.count)

    async def open(self) -> None:
        """Start to listen for acks.

        Raises:
            TransportError: the server does not permit the reply inbox.
        """
        with mapped("open the publisher"):
            await self._ingest.open()
            await self._inbox.open()
            if self._ended:
                raise NotPermittedError(self._ended)

    async def publish(self, messages: Iterable[OutgoingMessage]) -> int:
        """Publish in order; returns how many.

        Raises:
            PublishError: some messages were refused, or not acknowledged in time.
            CancelledError: its cause is a `PublishError` with the open messages.
            Exception: an error of ``messages``, after all messages before it are acknowledged.
        """
        call = Call(self._client, messages, self._timeout_s)
        with self._accounted(call):
            await self._send(call)
            await self._settled(call, 0)
            self._check_refused(call)
        if call.failure is not None:
            raise call.failure
        return call.accepted

    async def publish_one(self, message: OutgoingMessage) -> None:
        """Publish one message, as `publish` does and in less time.

        Raises:
            PublishError: the message was refused, or not acknowledged in time.
            CancelledError: its cause is a `PublishError`, with the message if that is open.
        """
        subject = self._subjects.of(message)
        if self._ended or unfit(message, subject, self._client.max_payload):
            await self.publish((message,))
            return
        single = self._inbox.singles.publish(str(next(self._inbox.tokens)), message)
        try:
            await single.done
        except BaseException:
            with self._accounted(self._inbox.singles.call_of(single)):
                raise
        if (call := single.call) is not None:
            with self._accounted(call):
                await self._acknowledged(call, 0)
                self._check_refused(call)

    @contextmanager
    def _accounted(self, call: Call) -> Iterator[None]:
        """Account for the open messages when a call ends."""
        try:
            yield
        except asyncio.CancelledError as cut:
            cut.__cause__ = call.not_accepted(f"cut off when {call.accepted} were accepted")
            self._inbox.duplicates.expect(call)
            raise
        except PublishError:
            self._inbox.duplicates.expect(call)
            raise
        finally:
            call.arrival.cancel()
            for token in call.unacked:
                self._inbox.calls.pop(token, None)

    async def _send(self, call: Call) -> None:
        unacked, calls, tokens = call.unacked, self._inbox.calls, self._inbox.tokens
        client, inbox, subject_of = self._client, self._inbox.prefix, self._subjects.of
        while not call.refused:
            if len(unacked) >= _WINDOW or call.bytes >= _WINDOW_BYTES:
                await self._window_room(call)
                continue
            if (message := next(call.rest, None)) is None:
                break
            data, subject = message.data, subject_of(message)
            token = str(next(tokens))
            unacked[token] = message
            call.bytes += len(data)
            if reason := unfit(message, subject, client.max_payload):
                call.refuse(token, reason, for_good=True)
                break
            calls[token] = call
            if client.pending_data_size > ROOM_BYTES:
                await self._link_room(call)
            if client.is_connected:
                # As `_send_again` does, without one more coroutine for each message.
                client.send_identified(subject, data, inbox + token, message.id)

    def reconnected(self) -> None:
        """Have all unacknowledged messages sent again: they went with the old connection."""
        self._ended = ""
        self._ingest.reconnected()
        self._inbox.ask_streams()
        for call in self._inbox.open_calls():
            call.arrival.cancel()
            call.retry()

    def closed(self) -> None:
        """End all calls: no ack will arrive any more."""
        self._inbox.close()
        self._end("the bus was closed")

    def deny(self, denial: Denial) -> bool:
        """Refuse the messages that a denial is about. Returns True if it is about any, or an inbox."""
        inbox = self._inbox.prefix + "*"
        if denial.denies("subscription", inbox) or self._ingest.denied(denial):
            self._end(denial.inbox_words(inbox))
            return True
        found = False
        for call in self._inbox.open_calls():
            for token, message in list(call.unacked.items()):
                if denial.denies("publish", subject := self._subjects.of(message)):
                    found = True
                    del self._inbox.calls[token]
                    reason = f"{message.type_name}: {denial.words(subject)}"
                    call.refuse(token, reason, for_good=True)
        return found

    def _end(self, reason: str) -> None:
        self._ended = reason
        self._ingest.closed()
        self._inbox.singles.give_up_queue()
        for call in self._inbox.open_calls():
            call.wake()

    async def _link_room(self, call: Call) -> None:
        await make_room(self._client, call.patience)
        self._check(call)

    async def _window_room(self, call: Call) -> None:
        """Wait until more may be sent. Many small messages go by fast ingest, if the server offers it."""
        large = call.bytes >= _WINDOW_BYTES
        fast = self._ingest.offered and not large
        await self._settled(call, 0 if fast or large else _WINDOW // 2)
        if fast and not call.refused:
            await self._ingest.publish(call)
            self._check(call)

    async def _settled(self, call: Call, until: int) -> None:
        """Wait for acks until at most ``until`` are missing. The time limit starts now."""
        call.patience.renew()
        call.patience.watch()
        await self._acknowledged(call, until)

    async def _acknowledged(self, call: Call, until: int) -> None:
        """Wait for acks; send lost messages again."""
        patience = call.patience
        while len(call.unacked) > until:
            heard = True
            if not (call.unheard or self._ended):  # what happened before a wait does not end it
                heard = await call.wait(until, min(SILENCE_S, patience.left_s()) + _GRACE_S)
            if call.no_stream is not None:
                await call.no_stream.look(patience.left_s())
            if len(call.unacked) <= until:
                return
            self._check(call)
            if call.unheard:
                call.unheard = False
                await self._send_again(call)
            elif not heard and not call.refused and self._client.is_connected:
                call.arrival.ask()

    async def _send_again(self, call: Call) -> None:
        client = self._client
        for token, message in list(call.unacked.items()):
            if client.pending_data_size > ROOM_BYTES:
                await self._link_room(call)
            if not client.is_connected:
                return
            if token in call.unacked:
                call.sent_before.add(message.id)
                subject = self._subjects.of(message)
                client.send_identified(
                    subject, message.data, self._inbox.prefix + token, message.id
                )

    @staticmethod
    def _check_refused(call: Call) -> None:
        if call.refused:
            raise call.not_accepted(call.reason)

    def _check(self, call: Call) -> None:
        """Raise PublishError if it is useless to wait for the open messages."""
        missing = f"{len(call.unacked)} not acknowledged"
        if self._ended:
            raise call.not_accepted(f"{missing}: {self._ended}")
        if call.no_stream is not None and (verdict := call.no_stream.verdict):
            raise call.not_accepted(f"{missing}: {verdict}")
        if not call.patience.left_s():
            away = self._client.attempts.away
            reason = away or call.reason or "the server did not answer"
            raise call.not_accepted(f"{missing} within {self._timeout_s:g} s: {reason}")
