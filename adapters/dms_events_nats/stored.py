"""The stored messages of the NATS transport: found, read and deleted; and the notes of its readers."""

from __future__ import annotations

from collections.abc import Sequence

from nats.js.manager import JetStreamManager

from dms_events.errors import ConfigError, ConnectionLostError
from dms_events.transport import (
    Channel,
    KeyValue,
    OutgoingMessage,
    StreamPosition,
    SupportsDeadLetters,
    SupportsNotes,
    SupportsPosition,
)

from .connection import LinkClient
from .store import delete_message, durables_for, fetch_message, open_notes, position_in
from .subjects import Subjects

__all__ = ["Stored"]


class Stored(SupportsDeadLetters, SupportsNotes, SupportsPosition):
    """The capabilities of the transport that take JetStream."""

    _client: LinkClient
    _durable: bool
    _manager: JetStreamManager | None
    _subjects: Subjects

    async def notes(self, durable: str) -> KeyValue:
        return await open_notes(self._client.jetstream(), self._stores(), self._subjects, durable)

    async def readers(self, message: OutgoingMessage, durable: str = "") -> Sequence[str]:
        self._stores()
        stream, subject = self._subjects.stream(message.channel), self._subjects.of(message)
        return await durables_for(self._client, stream, subject, durable)

    async def position(self, durable: str) -> StreamPosition:
        self._stores()
        return await position_in(self._client, self._subjects.stream("events"), durable)

    async def fetch(self, channel: Channel, sequence: int) -> bytes | None:
        return await fetch_message(self._stores(), self._subjects.stream(channel), sequence)

    async def delete(self, channel: Channel, sequence: int) -> bool:
        stream = self._subjects.stream(channel)
        return await delete_message(self._client, self._stores(), stream, sequence)

    def _stores(self) -> JetStreamManager:
        if not self._durable:
            raise ConfigError("durable", "core NATS stores nothing; connect with durable=True")
        if self._manager is None or self._client.is_closed:
            raise ConnectionLostError("the bus is not open; use it in async with")
        return self._manager
