"""The publish window of JetStream: one reply inbox for all acks, no round trip for each message."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from itertools import count
from typing import Final

from dms_events.errors import PublishError
from dms_events.quiet import Notice
from dms_events.transport import OutgoingMessage, PublishCounts

from ..client import mapped
from ..connection import Denial, DirectClient, NotPermittedError, no_responders
from ..delivery import NatsDelivery
from ..subjects import Subjects
from .call import ROOM_BYTES, Call, make_room
from .duplicates import Duplicates
from .fast_ingest import Ingest
from .fit import unfit
from .no_stream import NoStreamProbe
from .replies import IGNORED, ApiError, Streams, read_ack, shown

__all__ = ["Publisher"]

_WINDOW = 500
_WINDOW_BYTES = 8 << 20
_SILENCE_S = 5.0
_GRACE_S = 0.05
"""For acks that wait in a loop which stood still meanwhile."""
_NOT_YET_RETRY_S = 1.0
_NO_STREAM_RETRY_S = 0.25
_NOT_YET: Final = (10158, 10167)
"""Errors that refuse nothing: another copy is being stored, or the server has too much to do."""
_TOO_LARGE: Final = 10054
_SUBJECT_IS_FULL: Final = "maximum messages per subject exceeded"
"""It shares its number with a full stream."""


class Publisher:
    """Publishes with acks. What a lost connection leaves unacknowledged is sent again, under the same
    ``Nats-Msg-Id``; the server stores each id once within its duplicate window. A call ends with an
    error ``timeout_s`` after the last ack came and the last waiting byte left.
    """

    def __init__(self, client: DirectClient, subjects: Subjects, timeout_s: float) -> None:
        self._client = client
        self._subjects = subjects
        self._timeout_s = timeout_s
        self._inbox = client.new_inbox() + "."
        self._tokens = count()
        self._calls: dict[str, Call] = {}
        self._streams = Streams(client, subjects)
        self._asking: asyncio.Task[None] | None = None
        self._ignored = Notice(IGNORED)
        self._duplicates = Duplicates()
        self._ingest = Ingest(client, subjects, self._streams, self._ignored)
        self._ended = ""
        """Why no ack will arrive."""

    @property
    def counts(self) -> PublishCounts:
        """What the server said of messages beside that they are stored."""
        return PublishCounts(duplicates=self._duplicates.count, ignored_replies=self._ignored.count)

    async def open(self) -> None:
        """Start to listen for acks.

        Raises:
            TransportError: the server does not permit the reply inbox.
        """
        with mapped("open the publisher"):
            await self._ingest.open()
            await self._client.subscribe_direct(self._inbox + "*", self._on_ack)
            await self._streams.ask()  # what is not permitted is heard before its answer
            if self._ended:
                raise NotPermittedError(self._ended)

    async def publish(self, messages: Iterable[OutgoingMessage]) -> int:
        """Publish in order; returns how many.

        Raises:
            PublishError: some were refused, or not acknowledged in time.
            CancelledError: its cause is a `PublishError` that says what is open.
            Exception: whatever ``messages`` raises, after what it gave before is acknowledged.
        """
        call = Call(self._client, messages, self._timeout_s)
        try:
            await self._publish(call)
        except asyncio.CancelledError as cut:
            cut.__cause__ = call.not_accepted(f"cut off when {call.accepted} were accepted")
            self._duplicates.expect(call)
            raise
        except PublishError:
            self._duplicates.expect(call)
            raise
        finally:
            call.arrival.cancel()
            for token in call.unacked:
                self._calls.pop(token, None)
        if call.failure is not None:
            raise call.failure
        return call.accepted

    async def _publish(self, call: Call) -> None:
        unacked, calls, tokens, client = call.unacked, self._calls, self._tokens, self._client
        inbox, subject_of = self._inbox, self._subjects.of
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
                # What `_send_again` does, without a coroutine more for each message.
                client.send_identified(subject, data, inbox + token, message.id)
        await self._settled(call, 0)
        if call.refused:
            raise call.not_accepted(call.reason)

    def reconnected(self) -> None:
        """Have everything that is unacknowledged sent again: the old connection took it along."""
        self._ended = ""
        self._ingest.reconnected()
        self._ask_streams()
        for call in set(self._calls.values()):
            call.arrival.cancel()
            call.retry()

    def closed(self) -> None:
        """No ack will arrive any more."""
        if self._asking is not None:
            self._asking.cancel()
        self._end("the bus was closed")

    def deny(self, denial: Denial) -> bool:
        """Refuse what a denial of the server is about; returns whether anything was."""
        inbox = self._inbox + "*"
        if denial.denies("subscription", inbox) or self._ingest.denied(denial):
            self._end(denial.inbox_words(inbox))
            return True
        found = False
        for call in set(self._calls.values()):
            for token, message in list(call.unacked.items()):
                if denial.denies("publish", subject := self._subjects.of(message)):
                    found = True
                    del self._calls[token]
                    reason = f"{message.type_name}: {denial.words(subject)}"
                    call.refuse(token, reason, for_good=True)
        return found

    def _end(self, reason: str) -> None:
        self._ended = reason
        self._ingest.closed()
        for call in set(self._calls.values()):
            call.wake()

    async def _link_room(self, call: Call) -> None:
        await make_room(self._client, call.patience)
        self._check(call)

    async def _window_room(self, call: Call) -> None:
        """Wait until more may be sent. Many small messages go a faster way, where there is one."""
        large = call.bytes >= _WINDOW_BYTES
        fast = self._ingest.offered and not large
        await self._settled(call, 0 if fast or large else _WINDOW // 2)
        if fast and not call.refused:
            await self._ingest.publish(call)
            self._check(call)

    async def _settled(self, call: Call, until: int) -> None:
        """Wait for acks until at most ``until`` are missing, sending again what was lost."""
        patience = call.patience
        patience.renew()
        patience.watch()
        while len(call.unacked) > until:
            heard = await call.wait(until, min(_SILENCE_S, patience.left_s()) + _GRACE_S)
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
                client.send_identified(subject, message.data, self._inbox + token, message.id)

    def _check(self, call: Call) -> None:
        """Raise where it makes no sense to wait for what is open."""
        missing = f"{len(call.unacked)} not acknowledged"
        if self._ended:
            raise call.not_accepted(f"{missing}: {self._ended}")
        if call.no_stream is not None and (verdict := call.no_stream.verdict):
            raise call.not_accepted(f"{missing}: {verdict}")
        if not call.patience.left_s():
            away = self._client.attempts.away
            reason = away or call.reason or "the server did not answer"
            raise call.not_accepted(f"{missing} within {self._timeout_s:g} s: {reason}")

    def _on_ack(self, subject: str, reply: str, data: bytes, headers: bytes | None) -> None:
        token = subject[len(self._inbox) :]
        call = self._calls.pop(token, None)
        if call is None:
            return
        # A plain ack ends with a digit and a brace; all else is read in whole.
        if not (data.startswith(self._streams.acks) and 47 < data[-2] < 58) and not self._read(
            call, token, NatsDelivery(subject, reply, data, headers)
        ):
            return
        call.no_stream = None
        message = call.unacked.pop(token)
        call.bytes -= len(message.data)
        call.settled += 1
        if len(call.unacked) <= call.wake_at:
            call.wake()

    def _read(self, call: Call, token: str, reply: NatsDelivery) -> bool:
        """Whether a reply says that the message is stored."""
        ack = read_ack(reply.data)
        message = call.unacked[token]
        if ack is not None and self._streams.store(ack.stream, message.channel):
            if ack.error is None:
                if ack.duplicate:
                    self._duplicates.add(call, message)
                else:
                    self._streams.learn(reply.data)
                return True
            call.no_stream = None
            words = f"{ack.error.description} (code {ack.error.err_code})"
            reason = f"{message.type_name}: {words}"
            if ack.error.err_code not in _NOT_YET:
                call.refuse(token, reason, for_good=_is_its_own_fault(ack.error))
                return False
            call.reason = reason
            call.retry_in(_NOT_YET_RETRY_S)
        elif no_responders(reply):
            self._no_responders(call, message)
        else:
            self._ignored.add(shown(reply))
            if ack is not None:
                self._ask_streams()  # it may be a new one
        self._calls[token] = call
        return False

    def _ask_streams(self) -> None:
        if self._streams.may_ask and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        await self._streams.ask()
        for call in set(self._calls.values()):
            call.arrival.ask()

    def _no_responders(self, call: Call, message: OutgoingMessage) -> None:
        subject = self._subjects.of(message)
        call.reason = f"no stream stores {subject}"
        if call.no_stream is None:
            call.no_stream = NoStreamProbe(self._client, subject)
        call.retry_in(_NO_STREAM_RETRY_S)


def _is_its_own_fault(error: ApiError) -> bool:
    """Whether the server refuses a message for what it is, rather than for want of room."""
    return error.err_code == _TOO_LARGE or error.description == _SUBJECT_IS_FULL
