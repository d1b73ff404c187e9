"""Notes of a durable's readers, in a key-value bucket."""

from __future__ import annotations

import re

import nats.js.errors
from nats.js.api import KeyValueConfig
from nats.js.client import JetStreamContext
from nats.js.kv import KeyValue
from nats.js.manager import JetStreamManager

from dms_events.transport import Notes

from ._errors import mapped
from ._subjects import Subjects

__all__ = ["NatsNotes", "open_notes"]

_KEPT_S = 7 * 86_400.0
_PLAIN = re.compile(r"[^A-Za-z0-9_-]")


class NatsNotes(Notes):
    """Each value is a message of the bucket's stream, stored like events are."""

    def __init__(self, bucket: KeyValue, durable: str) -> None:
        self._bucket = bucket
        self._prefix = _PLAIN.sub(lambda found: f"={ord(found[0]):X}", durable)

    async def get(self, key: str) -> bytes | None:
        with mapped("read a note"):
            try:
                return (await self._bucket.get(f"{self._prefix}.{key}")).value
            except nats.js.errors.KeyNotFoundError:
                return None

    async def put(self, key: str, value: bytes) -> None:
        with mapped("write a note"):
            await self._bucket.put(f"{self._prefix}.{key}", value)

    async def delete(self, key: str) -> None:
        with mapped("delete a note"):
            await self._bucket.purge(f"{self._prefix}.{key}")


async def open_notes(
    context: JetStreamContext, manager: JetStreamManager, subjects: Subjects, durable: str
) -> NatsNotes:
    """The notes of a durable. Where their bucket is missing it is made, kept as the events are.

    Raises:
        TransportError: it cannot be made or reached.
    """
    name = subjects.bucket("notes")
    with mapped(f"open the bucket {name}"):
        try:
            bucket = await context.key_value(name)
        except nats.js.errors.BucketNotFoundError:
            events = (await manager.stream_info(subjects.stream("events"))).config
            bucket = await context.create_key_value(
                KeyValueConfig(
                    bucket=name,
                    description="attempts of messages whose handlers failed",
                    ttl=_KEPT_S,
                    storage=events.storage,
                    replicas=events.num_replicas or 1,
                )
            )
    return NatsNotes(bucket, durable)
