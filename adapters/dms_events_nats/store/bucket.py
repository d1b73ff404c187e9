"""The key-value bucket of a root, made if it is missing, and made again if it was deleted."""

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
    """A bucket. If it was deleted, a write makes it again; its old entries are gone.

    Errors of nats-py pass through.
    """

    def __init__(self, name: str, bucket: Bucket, make: Callable[[], Awaitable[Bucket]]) -> None:
        self._name = name
        self._bucket = bucket
        self._make = make

    async def get(self, key: str) -> Bucket.Entry:
        """Return the entry of a key. `KeyNotFoundError` is raised also if there is no bucket."""
        return await self._bucket.get(key)

    async def put(self, key: str, value: bytes) -> None:
        """Write the value of a key, over an older one."""
        await self._again(lambda: self._bucket.put(key, value))

    async def update(self, key: str, value: bytes, last: int | None) -> None:
        """Write if ``last`` is the revision of the key's entry; None if the key must not exist."""
        await self._again(lambda: self._bucket.update(key, value, last=last))

    async def purge(self, key: str) -> None:
        """Delete a key. Without a bucket there is no key to delete."""
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
    """Return the bucket of the readers' notes. If missing, it is made, stored as the events are.

    Raises:
        TransportError: the bucket cannot be made or reached.
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
