"""The forwarder: a durable subscription into a sink, each event settled after its own verdict."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import msgspec

from .. import registry
from ..aio import task_group
from ..bus import Bus, Message, Subscription
from ..dead_letters import AGAIN_S, DeadLetterWriter
from ..errors import ConfigError, ConnectionLostError, SinkBrokenError, SinkError
from ..sink import Document, Sink, SinkVerdict, Verdict, document_of
from ..transport import ACK_WAIT_S
from ..types._secrets import holds_secret
from .keep_alive import keep_alive
from .ledger import Ledger
from .tally import Tally

__all__ = ["Forwarder"]

_log = logging.getLogger("dms_events")
_POLL_S = 0.25
_BACKOFF_MAX_S = 30.0
_MOST_REDELIVERIES = 10


class _Work:
    """One document and every message that waits for its verdict: pending until it is judged."""

    __slots__ = ("document", "identity", "messages")

    def __init__(self, document: Document, message: Message[Any]) -> None:
        self.document = document
        self.identity = message.identity
        self.messages = [message]


class Forwarder:
    """Moves the events of a subscription into a sink: nothing lost, nothing stored twice.

    Each message is acknowledged after the sink judged its document stored or duplicate, kept as a dead
    letter where the sink refuses it for good, and written again (full-jitter backoff, with progress
    heartbeats to the broker) for as long as the sink says not now. An event that comes
    again, as a redelivery or published anew, is known by its identity for the last ``memory`` events; the
    sink knows older ones.

    Args:
        bus: an open bus whose transport acknowledges.
        sink: an open sink.
        durable: name of the durable consumer; forwarders that share it share the work.
        wanted: types or patterns, as for `Bus.subscribe`.
        batch: most documents in one write.
        batch_bytes: after so many bytes of payload a batch is whole, however few its documents are.
        linger_s: how long an incomplete batch waits for more.
        writes: batches that may be with the sink at a time.
        ack_wait_s: as for `Bus.subscribe`.
        memory: handled identities to remember, in 34 MB at most; less than 1,440,000 counts as that.
        report: called with the running `Tally` after every batch.

    Raises:
        ConfigError: the transport does not acknowledge, a number is out of range, or one of the types
            holds a secret.
    """

    def __init__(
        self,
        bus: Bus,
        sink: Sink,
        *,
        durable: str = "dms-events-sink",
        wanted: Iterable[type[msgspec.Struct] | str] = ("elk_stats.*",),
        batch: int = 1000,
        batch_bytes: int = 8 << 20,
        linger_s: float = 0.2,
        writes: int = 2,
        ack_wait_s: float = ACK_WAIT_S,
        memory: int = 1_440_000,
        report: Callable[[Tally], None] | None = None,
    ) -> None:
        if not bus.guarantees.acknowledges:
            raise ConfigError("bus", "forwarding needs acknowledgements; connect with durable=True")
        for name, value in (("batch", batch), ("batch_bytes", batch_bytes), ("writes", writes)):
            if value < 1:
                raise ConfigError(name, f"must be at least 1, not {value}")
        wanted = tuple(wanted)
        _refuse_secrets(wanted)
        self._sink = sink
        self._batch = batch
        self._batch_bytes = batch_bytes
        self._linger_s = linger_s
        self._slots = asyncio.Semaphore(writes)
        self._report = report
        self._subscription: Subscription[Any] = bus.subscribe(
            *wanted, durable=durable, prefetch=min(10_000, batch), ack_wait_s=ack_wait_s
        )
        self._ledger: Ledger[_Work] = Ledger(memory)
        self._pending = self._ledger.in_hand
        self._dead_letter_writer = DeadLetterWriter(bus.dead_letters.add, durable)
        self._stopping = asyncio.Event()
        self._draining = False
        self.tally = Tally()

    def stop(self) -> None:
        """Ask `run` to finish what is being written, give back the rest and return."""
        self._stopping.set()

    def drain(self) -> None:
        """Have `run` return as soon as everything that is there is settled."""
        self._draining = True

    async def run(self) -> Tally:
        """Forward until `stop`, or after `drain`.

        Raises:
            ConfigError: the durable exists for other types.
            TransportError: the subscription ended for good.
            SinkBrokenError: the sink has to be mended. What it did not store is delivered again.
        """
        async with self._subscription as subscription, self._heartbeat(), task_group() as writes:
            while not self._stopping.is_set():
                messages = await subscription.batch(
                    self._batch, self._linger_s or _POLL_S, max_bytes=self._batch_bytes
                )
                self._count_arrivals(len(messages))
                if works := [w for m in messages if (w := await self._take(m))]:
                    await self._slots.acquire()
                    writes.create_task(self._forward(works))
                elif self._draining and not self._pending and await self._idle():
                    break
        self._count_arrivals(0)
        # Not before the subscription is closed: it would take them again, and spend an attempt.
        for work in list(self._pending.values()):
            await self._give_back(work, 0)
        return self.tally

    def _count_arrivals(self, readable: int) -> None:
        self.tally.differing_claims = self._subscription.differing_claims
        unreadable = self._subscription.undecodable - self.tally.undecodable
        for_others = self._subscription.for_others - self.tally.for_others
        self.tally.received += readable + unreadable + for_others
        self.tally.undecodable += unreadable
        self.tally.for_others += for_others

    async def _idle(self) -> bool:
        try:
            return not await self._subscription.backlog()
        except ConnectionLostError:
            return False  # it is not known; the connection is being made again

    async def _take(self, message: Message[Any]) -> _Work | None:
        """New work; or None for an identity that has its verdict, or will get it with another."""
        identity = message.identity
        if work := self._pending.get(identity):
            if len(work.messages) > _MOST_REDELIVERIES:
                self.tally.returned += 1
                await message.nak(AGAIN_S)
            else:
                work.messages.append(message)
            return None
        same = self._ledger.judged(identity, message.delivery, message.attempt)
        if same is not None:
            await self._settle_again(message, same=same)
            return None
        work = self._pending[identity] = _Work(document_of(message), message)
        return work

    async def _forward(self, works: list[_Work]) -> None:
        try:
            attempt, reason = 0, ""
            while works:
                verdicts = await self._write([w.document for w in works])
                again = []
                for work, verdict in zip(works, verdicts, strict=True):
                    if verdict.verdict is Verdict.RETRY:
                        again.append(work)
                        reason = verdict.reason
                    else:
                        await self._settle(work, verdict)
                works[:] = again
                if again and attempt == 0:
                    _log.warning("%d documents wait for the sink: %s", len(again), reason)
                self._progress()
                if works and not await self._backoff(attempt, works):
                    return
                attempt += 1
        finally:
            self._slots.release()

    async def _write(self, documents: list[Document]) -> list[SinkVerdict]:
        try:
            return list(await self._sink.write(documents))
        except SinkBrokenError:
            raise
        except SinkError as error:
            return [SinkVerdict(Verdict.RETRY, str(error))] * len(documents)

    async def _backoff(self, attempt: int, works: list[_Work]) -> bool:
        """Wait before the next attempt; False where the forwarder stops, and gives them back."""
        delay = random.uniform(0, min(_BACKOFF_MAX_S, 0.1 * 2 ** min(attempt, 10)))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), delay)
        if self._stopping.is_set():
            return False
        self.tally.retries += len(works)
        return True

    async def _settle(self, work: _Work, verdict: SinkVerdict) -> None:
        if verdict.verdict is Verdict.REJECTED:
            await self._reject(work, SinkError(verdict.reason))
            return
        first = work.messages[0]
        await first.ack()
        self._count(first, "stored" if verdict.verdict is Verdict.STORED else "duplicates")
        self._ledger.settle(work.identity)
        for other in work.messages[1:]:
            same = other.delivery.position == first.delivery.position
            await self._settle_again(other, same=same)

    async def _reject(self, work: _Work, error: SinkError) -> None:
        """Keep each message as a dead letter: another one of the same identity is not this one."""
        buried: set[int] = set()
        while work.messages:
            message = work.messages[0]
            position = message.delivery.position
            if position in buried:
                await self._settle_again(message, same=True)
            else:
                if not await self._dead_letter_writer.write(
                    message.delivery, id=message.id, error=error
                ):
                    await self._give_back(work, AGAIN_S)
                    return
                buried.add(position)
                self._count(message, "rejected")
                self._ledger.reject(work.identity, message.delivery)
            del work.messages[0]

    async def _settle_again(self, message: Message[Any], *, same: bool) -> None:
        await message.ack()
        if same:
            self.tally.redelivered += 1
        else:
            self._ledger.settle(message.identity)
            self._count(message, "duplicates")

    async def _give_back(self, work: _Work, delay_s: float) -> None:
        self._ledger.release(work.identity)
        for message in work.messages:
            self.tally.returned += 1
            await message.nak(delay_s)

    @contextlib.asynccontextmanager
    async def _heartbeat(self) -> AsyncIterator[None]:
        keeping = asyncio.create_task(self._keep())
        try:
            yield
        finally:
            keeping.cancel()

    async def _keep(self) -> None:
        """Tell the broker, well before the ack wait ends, what is still being worked on.

        That is also what waits for a write of its own while all of them are busy.
        """
        while True:
            await asyncio.sleep(self._subscription.ack_wait_s / 3)
            works = list(self._pending.values())
            await keep_alive(message for work in works for message in work.messages)

    def _count(self, message: Message[Any], what: str) -> None:
        setattr(self.tally, what, getattr(self.tally, what) + 1)
        counts = self.tally.by_type.setdefault(message.type_name, {})
        counts[what] = counts.get(what, 0) + 1

    def _progress(self) -> None:
        if self._report:
            self._report(self.tally)


def _refuse_secrets(wanted: Iterable[type[msgspec.Struct] | str]) -> None:
    for one in wanted:
        for name in registry.matching(one if isinstance(one, str) else registry.name_of(one)):
            if holds_secret(registry.get(name)):
                raise ConfigError(
                    "wanted", f"{name} holds a secret, which no sink may store; name other types"
                )
