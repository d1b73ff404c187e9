"""Publish on core NATS: handed to the connection, without an acknowledgement."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import nats.errors

from dms_events.errors import PublishError
from dms_events.transport import OutgoingMessage, PublishCounts

from ..connection import Denial, DirectClient
from ..subjects import Subjects
from .call import POLL_S, ROOM_BYTES, Patience, make_room
from .fit import no_subject

__all__ = ["CorePublisher"]

_YIELD_EVERY = 500
_MOST_DENIED = 1_000


class CorePublisher:
    """Hands messages to the connection, as fast as it takes them.

    If a subject is not permitted, the server says so a moment after the first message on it was sent.
    From then on, publishing on that subject is an error, until a new connection is made.
    """

    def __init__(self, client: DirectClient, subjects: Subjects, timeout_s: float) -> None:
        self._client = client
        self._subjects = subjects
        self._timeout_s = timeout_s
        self._denied: dict[str, Denial] = {}

    async def publish(self, messages: Iterable[OutgoingMessage]) -> int:
        """Publish in order; returns how many.

        Raises:
            PublishError: a message was not taken: it is too large, it has no subject, it is not
                permitted, or no byte left for ``timeout_s``.
            CancelledError: its cause is such a `PublishError`.
        """
        client, subject_of = self._client, self._subjects.of
        count, held = 0, None
        try:
            for message in messages:
                held = message
                if not (subject := subject_of(message)):
                    raise self._refused(no_subject(message), message, count)
                data = message.data
                if self._denied:
                    self._check(subject, message, count)
                if client.pending_data_size > ROOM_BYTES:
                    await self._room(message, count)
                if client.is_closed:
                    raise nats.errors.ConnectionClosedError
                if len(data) > client.max_payload:
                    size = f"{len(data):,} bytes, more than the server's max_payload"
                    raise self._refused(f"{message.type_name} is {size}", message, count)
                client.send(subject, data)
                held = None
                count += 1
                if count % _YIELD_EVERY == 0:
                    await asyncio.sleep(0)
        except nats.errors.Error as error:
            type_name = held.type_name if held else ""
            raise PublishError(f"{type_name}: {error}", [held], count) from error
        except asyncio.CancelledError as cut:
            held_back = [held] if held else []
            cut.__cause__ = PublishError(f"cut off when {count} were sent", held_back, count)
            raise
        return count

    async def publish_one(self, message: OutgoingMessage) -> None:
        """Publish one message, as `publish` does."""
        await self.publish((message,))

    def deny(self, denial: Denial) -> bool:
        """Refuse the denied subject from now on. Returns True if it is one to publish on."""
        if denial.action != "publish" or not self._subjects.holds(denial.subject):
            return False
        if len(self._denied) < _MOST_DENIED:
            self._denied[denial.subject] = denial
        return True

    def reconnected(self) -> None:
        """The account may have other permissions now."""
        self._denied.clear()

    def closed(self) -> None:
        """Do nothing: a call that waits for room notices the end by itself."""

    @property
    def counts(self) -> PublishCounts:
        """Nothing: the server says nothing of published messages."""
        return PublishCounts()

    def _check(self, subject: str, message: OutgoingMessage, count: int) -> None:
        if denial := self._denied.get(subject.lower()):
            raise self._refused(f"{message.type_name}: {denial.words(subject)}", message, count)

    @staticmethod
    def _refused(reason: str, message: OutgoingMessage, count: int) -> PublishError:
        return PublishError(reason, [message], count, [message])

    async def _room(self, message: OutgoingMessage, count: int) -> None:
        """Wait until few enough bytes are unsent; without a connection, wait for one."""
        client, patience = self._client, Patience(self._client, self._timeout_s)
        while client.pending_data_size > ROOM_BYTES and not client.is_closed:
            await make_room(client, patience)
            if not patience.left_s():
                where = client.attempts.away or "the server took nothing"
                raise PublishError(
                    f"{message.type_name} was not sent for {self._timeout_s:g} s: {where}",
                    [message],
                    count,
                )
            if not client.is_connected:
                await asyncio.sleep(POLL_S)
