"""The publish window of JetStream: one reply inbox for all acks, no round trip for each message."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from itertools import chain, count
from typing import Final

import msgspec
import nats.errors
from nats.aio.client import Client

from dms_events.errors import PublishError
from dms_events.transport import OutgoingMessage

from ..delivery import NatsDelivery, subscribe_callback
from ..subjects import Subjects
from .fast_ingest import Ingest
from .no_stream import NoStreamProbe

__all__ = ["Publisher"]

_HEADER_ROOM = 64
_HEADER_BYTES = 28
_LONGEST_REPLAY_ID = 36
_WINDOW = 500
_WINDOW_BYTES = 8 << 20
_RESEND_S = 5.0
_NOT_YET_RETRY_S = 1.0
_NO_STREAM_RETRY_S = 0.25
_NOT_YET: Final = (10158, 10167)
"""Errors that refuse nothing: another copy is being stored, or the server has too much to do."""


class _ApiError(msgspec.Struct):
    description: str = "refused by the server"
    err_code: int = 0


class _PubAck(msgspec.Struct):
    error: _ApiError | None = None


class _Call:
    """One publish or publish_many: what it sent and is not acknowledged, and what was refused."""

    def __init__(self, messages: Iterable[OutgoingMessage]) -> None:
        self._source = self._held(messages)
        self._back: Iterator[OutgoingMessage] = iter(())
        self.rest: Iterator[OutgoingMessage] = self._source
        self.failure: Exception | None = None
        self.unacked: dict[str, OutgoingMessage] = {}
        self.bytes = 0
        self.refused: dict[str, OutgoingMessage] = {}
        self.reason = ""
        self.unheard = False
        self.retry_planned = False
        self.no_stream: NoStreamProbe | None = None
        self.settled = 0
        self.progress_at = time.monotonic()
        self.wake_at = 0
        self._waiter: asyncio.Future[None] | None = None

    def _held(self, messages: Iterable[OutgoingMessage]) -> Iterator[OutgoingMessage]:
        """The messages, up to where the caller's iterable fails."""
        try:
            yield from messages
        except Exception as error:  # noqa: BLE001
            self.failure = error

    def open_ends(self) -> list[OutgoingMessage]:
        """What was refused, is not acknowledged or not sent, in the order in which it was given."""
        ends = {**self.refused, **self.unacked}
        return [*(ends[token] for token in sorted(ends, key=int)), *self._back]

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
        self.progress_at = time.monotonic()
        return True


class Publisher:
    """Publishes with acks. What a lost connection leaves unacknowledged is sent again, under the same
    ``Nats-Msg-Id``, for up to ``timeout_s`` without progress; the server stores each id once within
    its duplicate window.
    """

    def __init__(self, client: Client, subjects: Subjects, timeout_s: float) -> None:
        self._client = client
        self._subjects = subjects
        self._timeout_s = timeout_s
        self._inbox = client.new_inbox() + "."
        self._tokens = count()
        self._calls: dict[str, _Call] = {}
        self._ingest = Ingest(client, subjects)
        self._closed = False

    async def open(self) -> None:
        """Start to listen for acks."""
        await self._ingest.open()
        await subscribe_callback(self._client, self._inbox + "*", self._on_ack)

    async def publish(self, messages: Iterable[OutgoingMessage]) -> int:
        """Publish in order; returns how many.

        Raises:
            PublishError: some were refused, or not acknowledged in time.
            Exception: whatever ``messages`` raises, after what it gave before is acknowledged.
        """
        call = _Call(messages)
        unacked, calls, tokens, client = call.unacked, self._calls, self._tokens, self._client
        inbox, subject_of = self._inbox, self._subjects.of
        sent = 0
        try:
            while not call.refused:
                if len(unacked) >= _WINDOW or call.bytes >= _WINDOW_BYTES:
                    sent += await self._make_room(call)
                    continue
                if (message := next(call.rest, None)) is None:
                    break
                data, id = message.data, message.id
                token = str(next(tokens))
                if len(data) + len(id) + _HEADER_ROOM > client.max_payload and not self._fits(
                    message
                ):
                    self._refuse_size(call, token, message)
                    break
                unacked[token] = message
                calls[token] = call
                call.bytes += len(data)
                sent += 1
                if client.is_connected:
                    # What `_put` does, without a coroutine more for each message.
                    headers = {"Nats-Msg-Id": id}
                    try:
                        await client.publish(subject_of(message), data, inbox + token, headers)
                    except nats.errors.Error as error:
                        call.reason = str(error)  # it stays unacknowledged, and is sent again
            await self._settled(call, 0)
        finally:
            for token in unacked:
                calls.pop(token, None)
        if call.refused:
            raise PublishError(call.reason, call.open_ends())
        if call.failure is not None:
            raise call.failure
        return sent

    def reconnected(self) -> None:
        """Have everything that is unacknowledged sent again: the old connection took it along."""
        self._ingest.reconnected()
        for call in set(self._calls.values()):
            call.retry()

    def closed(self) -> None:
        """No ack will arrive any more."""
        self._closed = True
        self._ingest.closed()
        for call in set(self._calls.values()):
            call.wake()

    def _fits(self, message: OutgoingMessage) -> bool:
        # No event takes the room that its replay needs, also where its own id is shorter.
        id_bytes = max(len(message.id.encode()), _LONGEST_REPLAY_ID)
        return len(message.data) + id_bytes + _HEADER_BYTES <= self._client.max_payload

    def _refuse_size(self, call: _Call, token: str, message: OutgoingMessage) -> None:
        call.reason = (
            f"{message.type_name} is {len(message.data):,} bytes, more than the server's "
            f"max_payload of {self._client.max_payload:,} leaves room for; it was not sent"
        )
        call.refused[token] = message

    async def _put(self, call: _Call, token: str, message: OutgoingMessage) -> None:
        try:
            if self._client.is_connected:
                subject, headers = self._subjects.of(message), {"Nats-Msg-Id": message.id}
                await self._client.publish(subject, message.data, self._inbox + token, headers)
        except nats.errors.Error as error:
            call.reason = str(error)

    async def _make_room(self, call: _Call) -> int:
        """Wait until more may be sent. Many small messages go a faster way, where there is one.

        Returns how many of them were stored meanwhile.
        """
        large = call.bytes >= _WINDOW_BYTES
        fast = self._ingest.offered and not large
        await self._settled(call, 0 if fast or large else _WINDOW // 2)
        if not fast or call.refused:
            return 0
        stored, back = await self._ingest.publish(call.rest)
        call.take_back(back)
        call.progress_at = time.monotonic()
        return stored

    async def _settled(self, call: _Call, until: int) -> None:
        """Wait for acks until at most ``until`` are missing, sending again what got none."""
        while len(call.unacked) > until:
            heard = await call.wait(until, _RESEND_S)
            if call.no_stream is not None:
                await call.no_stream.look()
            self._check_patience(call)
            silence = not heard and not call.refused
            if call.unacked and (call.unheard or silence):
                call.unheard = False
                for token, message in list(call.unacked.items()):
                    await self._put(call, token, message)

    def _check_patience(self, call: _Call) -> None:
        if self._closed and call.unacked:
            reason = f"the bus was closed before {len(call.unacked)} were acknowledged"
            raise PublishError(reason, call.open_ends())
        if call.unacked and call.no_stream is not None and (verdict := call.no_stream.verdict):
            raise PublishError(f"{len(call.unacked)} not acknowledged: {verdict}", call.open_ends())
        if call.unacked and time.monotonic() - call.progress_at > self._timeout_s:
            reason = call.reason or "the server did not answer"
            raise PublishError(
                f"{len(call.unacked)} not acknowledged within {self._timeout_s:g} s: {reason}",
                call.open_ends(),
            )

    def _on_ack(self, reply: NatsDelivery) -> None:
        token = reply.subject[len(self._inbox) :]
        call = self._calls.pop(token, None)
        if call is None:
            return
        data = reply.data
        if not data:
            self._calls[token] = call
            self._no_responders(call, token)
            return
        call.no_stream = None
        error = None
        if not data.startswith(b'{"stream"'):
            error = msgspec.json.decode(data, type=_PubAck).error
        if error is not None:
            type_name = call.unacked[token].type_name
            call.reason = f"{type_name}: {error.description} (code {error.err_code})"
            if error.err_code in _NOT_YET:
                self._calls[token] = call
                call.retry_in(_NOT_YET_RETRY_S)
                return
        message = call.unacked.pop(token)
        call.bytes -= len(message.data)
        call.settled += 1
        if error is not None:
            call.refused[token] = message
            call.wake()
        if len(call.unacked) <= call.wake_at:
            call.wake()

    def _no_responders(self, call: _Call, token: str) -> None:
        subject = self._subjects.of(call.unacked[token])
        call.reason = f"no stream stores {subject}"
        if call.no_stream is None:
            call.no_stream = NoStreamProbe(self._client, subject)
        call.retry_in(_NO_STREAM_RETRY_S)
