"""The key-value bucket of a root, made where it is missing, and again where it was deleted."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import nats.js.errors
from nats.js.api import KeyValueConfig
from nats.js.client import JetStreamContext
from nats.js.kv import KeyValue as Bucket
from nats.js.manager import JetStreamManager

from ..client import mapped
from ..subjects import Subjects

__all__ = ["NotesBucket", "open_bucket"]

_log = logging.getLogger("dms_events")
_KEPT_S = 7 * 86_400.0


class NotesBucket:
    """A bucket that a write makes again where it was deleted. What was in it is gone.

    What nats-py raises passes through.
    """

    def __init__(self, name: str, bucket: Bucket, make: Callable[[], Awaitable[Bucket]]) -> None:
        self._name = name
        self._bucket = bucket
        self._make = make

    async def get(self, key: str) -> Bucket.Entry:
        """The entry of a key; `KeyNotFoundError` also where there is no bucket."""
        return await self._bucket.get(key)

    async def put(self, key: str, value: bytes) -> None:
        """Write, over what was there."""
        await self._again(lambda: self._bucket.put(key, value))

    async def update(self, key: str, value: bytes, last: int | None) -> None:
        """Write if ``last`` is the revision of what is there; None for nothing."""
        await self._again(lambda: self._bucket.update(key, value, last=last))

    async def purge(self, key: str) -> None:
        """Delete a key; without a bucket there is none."""
        with suppress(nats.js.errors.NoStreamResponseError):
            await self._bucket.purge(key)

    async def _again(self, write: Callable[[], Awaitable[int]]) -> None:
        try:
            await write()
        except nats.js.errors.NoStreamResponseError:
            self._bucket = await self._make()
            _log.warning("the bucket %s was gone, and is made again", self._name)
            await write()


async def open_bucket(
    context: JetStreamContext, manager: JetStreamManager, subjects: Subjects
) -> NotesBucket:
    """The bucket of what readers note. Where it is missing it is made, kept as the events are.

    Raises:
        TransportError: it cannot be made or reached.
    """
    name = subjects.bucket("notes")

    async def make() -> Bucket:
        events = (await manager.stream_info(subjects.stream("events"))).config
        return await context.create_key_value(
            KeyValueConfig(
                bucket=name,
                description="attempts of failed messages, and readers of partitions",
                ttl=_KEPT_S,
                storage=events.storage,
                replicas=events.num_replicas or 1,
            )
        )

    with mapped(f"open the bucket {name}"):
        try:
            bucket = await context.key_value(name)
        except nats.js.errors.BucketNotFoundError:
            bucket = await make()
        return NotesBucket(name, bucket, make)
