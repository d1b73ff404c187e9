"""Fast ingest of JetStream, from nats-server 2.14 on (ADR-50): one acknowledgement for many messages."""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Iterator

import msgspec
import nats.errors

from dms_events.quiet import Notice
from dms_events.transport import OutgoingMessage

from ..connection import Denial, DirectClient, no_responders
from ..delivery import NatsDelivery
from ..subjects import Subjects
from .call import ROOM_BYTES, Arrival, Call, Patience, make_room
from .fit import unfit
from .replies import Streams, read_ack, shown

__all__ = ["Ingest"]

_EACH = 250
_AHEAD = 2
_MOST_BYTES = 8 << 20
_SILENCE_S = 5.0
_START, _APPEND, _END = 0, 1, 3


class _Flow(msgspec.Struct, tag_field="type", tag="ack"):
    """The acknowledgement of a batch as it grows."""

    seq: int
    msgs: int


class _Gap(msgspec.Struct, tag_field="type", tag="gap"):
    """The server misses a message."""

    seq: int


class _Err(msgspec.Struct, tag_field="type", tag="err"):
    """The server refuses a message."""

    seq: int


_read_flow = msgspec.json.Decoder(_Flow | _Gap | _Err).decode


class _Batch:
    """One batch, with its messages that were sent and are not known to be stored."""

    def __init__(self, client: DirectClient, name: str, patience: Patience) -> None:
        self.name = name
        self.open: deque[OutgoingMessage] = deque()
        self.bytes = 0
        self.stored = 0
        self.limit = 1
        self.over = False
        self.refused = False
        """True if the batch ended before the server took its first message."""
        self.patience = patience
        self.arrival = Arrival(client, self._break_off)
        self._waiter: asyncio.Future[None] | None = None

    def hear(self, reply: NatsDelivery, streams: Streams) -> bool:
        """Take in a reply. Returns False if it is no reply of the server to this batch."""
        data = reply.data
        if no_responders(reply):
            self._break_off()
        elif ack := read_ack(data):
            if self.open and not streams.store(ack.stream, self.open[0].channel):
                return False
            self._store(ack.count if ack.batch == self.name else 0)
            self._break_off()
        else:
            try:
                flow = _read_flow(data)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                return False
            if not isinstance(flow, _Flow):
                self._break_off()
            elif not 0 <= flow.seq - self.stored <= len(self.open):
                return False
            else:
                self._store(flow.seq)
                self.limit = max(self.limit, flow.seq + _AHEAD * flow.msgs)
                self._wake()
        self.patience.renew()
        return True

    def end(self) -> None:
        """End the batch: no reply will come any more."""
        self.over = True
        self._wake()

    async def wait(self) -> None:
        """Wait for a reply. If none comes for messages that have reached the server, the batch ends."""
        if not (left_s := self.patience.left_s()):
            self._break_off()
            return
        self._waiter = asyncio.get_running_loop().create_future()
        heard, _ = await asyncio.wait([self._waiter], timeout=min(_SILENCE_S, left_s))
        if not heard:
            self.arrival.ask()

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
    """Publishes batches for as long as the server takes them; if it does not, the batch is given up.

    A batch ends at the first message that the server misses or refuses. The publisher then sends the
    messages that are not known to be stored again, in another way and under the same identity.
    """

    def __init__(
        self, client: DirectClient, subjects: Subjects, streams: Streams, ignored: Notice
    ) -> None:
        self._client = client
        self._subjects = subjects
        self._streams = streams
        self._ignored = ignored
        self._inbox = client.new_inbox() + "."
        self._batches: dict[str, _Batch] = {}
        self.offered = True
        """True while the server may offer fast ingest."""

    async def open(self) -> None:
        """Start to listen."""
        await self._client.subscribe_direct(self._inbox + ">", self._on_reply)

    async def publish(self, call: Call) -> None:
        """Publish a batch of the call's messages. The call gets back those not known to be stored."""
        name = uuid.uuid4().hex
        batch = self._batches[name] = _Batch(self._client, name, call.patience)
        try:
            await self._send(f"{self._inbox}{name}.{_EACH}.fail.", batch, call.rest)
        except nats.errors.Error:
            pass  # the messages are not known to be stored
        finally:
            del self._batches[name]
            batch.arrival.cancel()
            call.stored_fast += batch.stored
            call.sent_before.update(message.id for message in batch.open)
            call.take_back(batch.open)
        if batch.refused:
            self.offered = False

    async def _send(self, prefix: str, batch: _Batch, messages: Iterator[OutgoingMessage]) -> None:
        client, subject_of, room = self._client, self._subjects.of, self._client.max_payload
        sent, subject = 0, ""
        batch.patience.renew()
        batch.patience.watch()
        for message in messages:
            data = message.data
            batch.open.append(message)
            batch.bytes += len(data)
            if batch.over or not client.is_connected:
                return
            next_subject = subject_of(message)
            if len(data) > room // 2 or unfit(message, next_subject, room):
                break  # the window deals with it
            if client.pending_data_size > ROOM_BYTES:
                await make_room(client, batch.patience)
            sent += 1
            subject = next_subject
            reply = f"{prefix}{sent}.{_APPEND if sent > 1 else _START}.$FI"
            client.send_identified(subject, data, reply, message.id)
            while sent >= batch.limit and not batch.over:
                await batch.wait()
            if batch.bytes >= _MOST_BYTES:
                break
        if sent:
            await client.publish(subject, reply=f"{prefix}{sent + 1}.{_END}.$FI")
            while not batch.over:
                await batch.wait()

    def reconnected(self) -> None:
        """End the batches, which went with the old connection. The new server may be another one."""
        self.offered = True
        self.closed()

    def closed(self) -> None:
        """End all batches: no reply will come any more."""
        for batch in self._batches.values():
            batch.end()

    def denied(self, denial: Denial) -> bool:
        """Return True if a denial is about the inbox. End the batches whose subjects it is about."""
        if denial.denies("subscription", self._inbox + ">"):
            return True
        for batch in self._batches.values():
            if any(denial.denies("publish", self._subjects.of(m)) for m in batch.open):
                batch.end()
        return False

    def _on_reply(self, subject: str, reply: str, data: bytes, headers: bytes | None) -> None:
        name = subject[len(self._inbox) :].partition(".")[0]
        said = NatsDelivery(subject, reply, data, headers)
        if (batch := self._batches.get(name)) and not batch.hear(said, self._streams):
            self._ignored.add(shown(said))
