"""Fast ingest of JetStream, from nats-server 2.14 on (ADR-50): one acknowledgement for many messages."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec
import nats.errors
from nats.aio.client import Client

from dms_events.transport import OutgoingMessage

from ..delivery import NatsDelivery, subscribe_callback
from ..subjects import Subjects

__all__ = ["Ingest"]

_EACH = 250
_AHEAD = 2
_MOST_BYTES = 8 << 20
_SILENCE_S = 5.0
_START, _APPEND, _END = 0, 1, 3


class _Reply(msgspec.Struct):
    """The acknowledgement of a batch as it grows (``type`` is ``ack``), or of a whole one (``batch``)."""

    type: str = ""
    seq: int = 0
    msgs: int = 0
    batch: str = ""
    count: int = 0


_read = msgspec.json.Decoder(_Reply).decode


class _Batch:
    """What was sent of one batch and is not known to be stored."""

    def __init__(self) -> None:
        self.open: deque[OutgoingMessage] = deque()
        self.bytes = 0
        self.stored = 0
        self.limit = 1
        self.over = False
        self.refused = False
        """It ended before it began."""
        self._waiter: asyncio.Future[None] | None = None

    def hear(self, data: bytes) -> None:
        """Take in what the server says; whatever is no acknowledgement on the way is the end."""
        reply = _read(data) if data else _Reply()
        if reply.type == "ack":
            self._store(reply.seq)
            self.limit = reply.seq + _AHEAD * reply.msgs
            self._wake()
        else:
            self._store(reply.count if reply.batch else 0)
            self._break_off()

    def end(self) -> None:
        """Nothing more will be heard."""
        self.over = True
        self._wake()

    async def wait(self) -> None:
        """Until the server says something; its silence is the end."""
        self._waiter = asyncio.get_running_loop().create_future()
        heard, _ = await asyncio.wait([self._waiter], timeout=_SILENCE_S)
        if not heard:
            self._break_off()

    def _break_off(self) -> None:
        self.refused = self.limit == 1 and not self.stored
        self.end()

    def _store(self, sequence: int) -> None:
        while self.stored < sequence and self.open:
            self.bytes -= len(self.open.popleft().data)
            self.stored += 1

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Ingest:
    """Publishes batches for as long as the server goes along; it does not insist.

    A batch ends at the first message that the server misses or refuses. Whoever publishes sends again
    what is not known to be stored, in another way and under the same identity.
    """

    def __init__(self, client: Client, subjects: Subjects) -> None:
        self._client = client
        self._subjects = subjects
        self._inbox = client.new_inbox() + "."
        self._batches: dict[str, _Batch] = {}
        self.offered = True
        """Whether the server is worth asking."""

    async def open(self) -> None:
        """Start to listen."""
        await subscribe_callback(self._client, self._inbox + ">", self._on_reply)

    async def publish(
        self, messages: Iterator[OutgoingMessage]
    ) -> tuple[int, Sequence[OutgoingMessage]]:
        """Publish a batch; returns how many are stored, and what else was taken from ``messages``."""
        name = uuid.uuid4().hex
        batch = self._batches[name] = _Batch()
        try:
            await self._send(f"{self._inbox}{name}.{_EACH}.fail.", batch, messages)
        except nats.errors.Error:
            pass  # it is not known to be stored
        finally:
            del self._batches[name]
        if batch.refused:
            self.offered = False
        return batch.stored, batch.open

    async def _send(self, prefix: str, batch: _Batch, messages: Iterator[OutgoingMessage]) -> None:
        client, subject_of, room = self._client, self._subjects.of, self._client.max_payload
        sent, subject = 0, ""
        for message in messages:
            data = message.data
            batch.open.append(message)
            batch.bytes += len(data)
            if batch.over or not client.is_connected:
                return
            if len(data) > room // 2:
                break
            sent += 1
            subject = subject_of(message)
            reply = f"{prefix}{sent}.{_APPEND if sent > 1 else _START}.$FI"
            await client.publish(subject, data, reply, {"Nats-Msg-Id": message.id})
            while sent >= batch.limit and not batch.over:
                await batch.wait()
            if batch.bytes >= _MOST_BYTES:
                break
        if sent:
            await client.publish(subject, reply=f"{prefix}{sent + 1}.{_END}.$FI")
            while not batch.over:
                await batch.wait()

    def reconnected(self) -> None:
        """The batches went with the old connection; the new server may be another one."""
        self.offered = True
        self.closed()

    def closed(self) -> None:
        """Nothing more will be heard."""
        for batch in self._batches.values():
            batch.end()

    def _on_reply(self, reply: NatsDelivery) -> None:
        name = reply.subject[len(self._inbox) :].partition(".")[0]
        if batch := self._batches.get(name):
            batch.hear(reply.data)
