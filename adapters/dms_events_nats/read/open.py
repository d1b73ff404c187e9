"""Open a receiver: one pull consumer, one for each partition, or core NATS."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec.structs
import nats.js.errors
from nats.js.manager import JetStreamManager

from dms_events.names import UNPARTITIONED, consumer_taken, part_name, read_otherwise, whole_of
from dms_events.transport import DurableFacts, SubscriptionSpec

from ..client import NotThereError, mapped, request
from ..connection import DirectClient
from ..delivery import Origin
from ..setup import EnsuredConsumer, durables, ensure_consumer
from ..setup.fit import refuse_stream
from ..store import kv_token, missing_stream, open_bucket
from ..subjects import Subjects, filters_of, partitions_of, reads_part
from .assignment import Assignment, Member
from .consumer import ConsumerSource
from .core import CoreReceiver
from .part import Outstanding, Part
from .partitions import PartitionedReceiver
from .pull import PullReceiver
from .watch import ConsumerWatch

__all__ = ["open_receiver"]

_PATIENCE = 1.5
_BEAT_S = 2.0


class _Stream:
    """The stream that a subscription reads, as it is now."""

    def __init__(
        self,
        client: DirectClient,
        manager: JetStreamManager,
        subjects: Subjects,
        spec: SubscriptionSpec,
    ) -> None:
        self.client = client
        self.manager = manager
        self.subjects = subjects
        self.spec = spec
        self.name = subjects.stream(spec.channel)
        self.last = 0
        """The last sequence in the stream."""
        self.made = False
        """True if the durable did not exist before."""

    async def look(self) -> None:
        """Read the last sequence. If the stream is missing, the error names the existing streams."""
        with mapped(f"look at the stream {self.name}"):
            try:
                answer = await request(self.client, f"STREAM.INFO.{self.name}")
            except nats.js.errors.NotFoundError as error:
                raise await missing_stream(self.client, self.name) from error
        refuse_stream(self.name, answer["config"], self.subjects.all_of(self.spec.channel))
        self.last = int(answer["state"]["last_seq"])

    async def partitions(self) -> int:
        """How many partitions the stream makes of messages stored from now on."""
        with mapped(f"look at the stream {self.name}"):
            answer = await request(self.client, f"STREAM.INFO.{self.name}")
        return partitions_of(answer["config"].get("subject_transform")) or 0

    def filters(self, partition: str | None = None) -> list[str]:
        """The filter subjects of the consumer; with a partition, of its consumer."""
        if partition is None:
            return self.subjects.filters(self.spec)
        return self.subjects.of_part(self.spec, partition)

    async def consumer(self, partition: str | None = None, *, from_: int = 0) -> EnsuredConsumer:
        """Return the consumer; make it if it is missing."""
        spec, filters = self.spec, self.filters(partition)
        if partition is not None:
            name = part_name(spec.durable or "", partition)
            must_exist = spec.must_exist and partition == UNPARTITIONED
            spec = msgspec.structs.replace(spec, durable=name, must_exist=must_exist)
        with mapped(f"subscribe to {', '.join(filters)}"):
            found = await ensure_consumer(self.client, self.name, filters, spec, from_=from_)
        self.made |= found.made and partition in (None, UNPARTITIONED)
        return found

    async def outstanding(self, consumer: str) -> Outstanding:
        """Return a consumer's counts of its deliveries."""
        with mapped(f"consumer {consumer}"):
            info = await self.manager.consumer_info(self.name, consumer)
        unsettled = info.num_ack_pending or 0
        if info.delivered is None:
            return Outstanding(0, 0, unsettled)
        return Outstanding(info.delivered.consumer_seq, info.delivered.stream_seq, unsettled)

    async def waiting(self, consumer: str) -> int:
        """How many messages of a consumer wait or are not settled."""
        with mapped(f"consumer {consumer}"):
            info = await self.manager.consumer_info(self.name, consumer)
        return (info.num_pending or 0) + (info.num_ack_pending or 0)

    def source(self, consumer: str, partition: str | None = None) -> ConsumerSource:
        """Return a consumer with the calls that its receiver needs."""
        durable = self.spec.durable
        position = self.last if self.spec.start == "new" else 0

        async def waiting() -> int:
            return await self.waiting(consumer)

        async def forget() -> None:
            if not durable:
                with mapped(f"delete consumer {consumer}"):
                    await self.manager.delete_consumer(self.name, consumer)

        async def ask() -> dict[str, Any]:
            with mapped(f"consumer {consumer}"):
                return await request(self.client, f"CONSUMER.INFO.{self.name}.{consumer}")

        async def renew(last: int) -> ConsumerSource:
            last = last or position
            await self.look()
            # A stream that was made again counts from 1 again.
            found = await self.consumer(from_=last + 1 if last <= self.last else 1)
            return self.source(found.name)

        watch = ConsumerWatch(ask, self.name, consumer, self.filters(partition))
        return ConsumerSource(
            f"$JS.API.CONSUMER.MSG.NEXT.{self.name}.{consumer}",
            Origin(self.client, self.subjects, first=f"$JS.ACK.{self.name}.{consumer}.1."),
            waiting=waiting,
            forget=forget,
            look=watch.look,
            renew=None if durable else renew,
        )

    async def receiver(
        self, source: ConsumerSource, ack_wait_s: float, prefetch: int, **options: Any
    ) -> PullReceiver:
        """Open the receiver that reads a consumer."""
        receiver = PullReceiver(
            self.client, source, prefetch=prefetch, ack_wait_s=ack_wait_s, **options
        )
        await receiver.open()
        return receiver


async def open_receiver(
    client: DirectClient,
    manager: JetStreamManager | None,
    subjects: Subjects,
    spec: SubscriptionSpec,
    core_bytes: int,
) -> PullReceiver | PartitionedReceiver | CoreReceiver:
    """Open the receiver of a subscription; on core NATS if there is no ``manager``.

    A reader of core NATS holds up to ``core_bytes``.

    Raises:
        ConfigError: the durable exists with other filters, or is not read by partitions.
        TransportError: the server does not answer.
    """
    if manager is None:
        core = CoreReceiver(client, subjects, core_bytes)
        await core.open(spec)
        return core
    stream = _Stream(client, manager, subjects, spec)
    await stream.look()
    receiver: PullReceiver | PartitionedReceiver
    most_unsettled: int | None = None
    others: tuple[str, ...] = ()
    if spec.partitioned:
        receiver = await _owned(stream)
    else:
        found = await stream.consumer()
        source = stream.source(found.name)
        receiver = await stream.receiver(source, found.ack_wait_s, spec.prefetch)
        most_unsettled = found.most_unsettled
    if spec.durable and stream.made:
        known = await durables(client, stream.name)
        others = tuple(name for name in known if name != spec.durable)
    receiver.facts = DurableFacts(is_new=stream.made, others=others, most_unsettled=most_unsettled)
    return receiver


async def _owned(stream: _Stream) -> PartitionedReceiver:
    durable = stream.spec.durable or ""
    await _refuse_whole(stream, durable)
    partitions = await stream.partitions()
    names = Assignment(partitions).all
    made = {partition: await stream.consumer(partition) for partition in names}
    ack_wait_s = made[UNPARTITIONED].ack_wait_s
    prefetch = -(-stream.spec.prefetch // len(names))
    arrived = asyncio.Event()

    async def open_part(partition: str) -> Part:
        found = await stream.consumer(partition)
        consumer, wait_s = found.name, found.ack_wait_s

        async def outstanding() -> Outstanding:
            return await stream.outstanding(consumer)

        # Messages delivered to a reader whose link is gone must be due again before others begin.
        expires_s = min(30.0, wait_s / 4)
        receiver = await stream.receiver(
            stream.source(consumer, partition),
            wait_s,
            prefetch,
            arrived=arrived,
            expires_s=expires_s,
            shared_by=len(names),
        )
        return Part(receiver, outstanding, arrived)

    async def waiting(partitions: Iterable[str]) -> int:
        total = 0
        for partition in partitions:
            try:
                total += await stream.waiting(part_name(durable, partition))
            except NotThereError:
                if partition in names:
                    raise
                # A partition that the stream had earlier: the reader that owns it makes its consumer.
        return total

    bucket = await open_bucket(stream.client.jetstream(), stream.manager, stream.subjects)
    receiver = PartitionedReceiver(
        bucket,
        f"{kv_token(durable)}.readers",
        Member(partitions, _PATIENCE * ack_wait_s, min(_BEAT_S, ack_wait_s / 6)),
        ack_wait_s=ack_wait_s,
        arrived=arrived,
        open_part=open_part,
        waiting=waiting,
    )
    await receiver.open()
    return receiver


async def _refuse_whole(stream: _Stream, durable: str) -> None:
    try:
        with mapped(f"consumer {durable}"):
            answer = await request(stream.client, f"CONSUMER.INFO.{stream.name}.{durable}")
    except NotThereError:
        return
    if whole_of(durable) and reads_part(filters_of(answer["config"])):
        raise consumer_taken(durable, partitioned=False)
    raise read_otherwise(durable, partitioned=True)
