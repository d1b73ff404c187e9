"""Notes of a durable's readers (attempts, owners of partitions), in a key-value bucket."""

from __future__ import annotations

import re

import nats.js.errors
from nats.js.client import JetStreamContext
from nats.js.manager import JetStreamManager

from dms_events.transport import KeyValue

from ..client import mapped
from ..subjects import Subjects
from .bucket import NotesBucket, open_bucket

__all__ = ["NatsKeyValue", "kv_token", "open_notes"]

_NOT_KV_TOKEN = re.compile(r"[^A-Za-z0-9_-]")


class NatsKeyValue(KeyValue):
    """Each value is a message of the bucket's stream, stored like events are."""

    def __init__(self, bucket: NotesBucket, durable: str) -> None:
        self._bucket = bucket
        self._prefix = kv_token(durable)

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
) -> NatsKeyValue:
    """Return the notes of a durable.

    Raises:
        TransportError: the bucket of the notes cannot be made or reached.
    """
    return NatsKeyValue(await open_bucket(context, manager, subjects), durable)


def kv_token(durable: str) -> str:
    """Return the name of a durable as a token of a key."""
    return _NOT_KV_TOKEN.sub(lambda found: f"={ord(found[0]):X}", durable)
