"""Reading from core NATS: fast, at most once, nothing stored."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Sequence

from nats.aio.subscription import Subscription

from dms_events.aio import set_within
from dms_events.errors import ConnectionLostError, TransportError
from dms_events.transport import Receiver

from ..client import flush, mapped
from ..connection import DirectClient
from ..delivery import CoreDelivery, Origin, size_of
from ..subjects import Subjects

__all__ = ["CoreReceiver"]

_log = logging.getLogger("dms_events")
_QUIET_S = 1.0


class CoreReceiver(Receiver):
    """Holds up to ``limit`` messages and ``most_bytes``; what arrives beyond is dropped and counted.

    One message is always held, however large it is.
    """

    def __init__(
        self, client: DirectClient, subjects: Subjects, limit: int, most_bytes: int
    ) -> None:
        self._client = client
        address = client.connected_url
        broker = f"core {address.hostname}:{address.port}" if address else "core"
        self._origin = Origin(client, subjects, broker=broker)
        self._parts = subjects.parts
        self._limit = limit
        self._room = most_bytes
        """How many bytes may be held beside those that are."""
        self._buffer: deque[CoreDelivery] = deque()
        self._arrived = asyncio.Event()
        self._closed = False
        self._count = 0
        self.ack_wait_s = float("inf")
        self._subscriptions: list[Subscription] = []
        self.dropped = 0
        self._said = 0
        self._quiet_until = 0.0

    async def open(self, filters: Sequence[str], group: str) -> None:
        """Subscribe; readers of one ``group`` share the messages.

        Raises:
            TransportError: the server did not take the subscription.
        """
        with mapped("subscribe"):
            for subject in filters:
                self._subscriptions.append(
                    await self._client.subscribe_direct(subject, self._take, queue=group)
                )
        await flush(self._client)

    def pop(self) -> CoreDelivery | None:
        if not self._buffer:
            return None
        message = self._buffer.popleft()
        self._room += message.size
        return message

    async def wait(self, timeout_s: float | None) -> bool:
        if not self._buffer and not self._closed:
            self._arrived.clear()
            await set_within(self._arrived, timeout_s)
        if self._closed and not self._buffer:
            raise ConnectionLostError("the subscription is closed")
        return bool(self._buffer)

    async def backlog(self) -> int:
        return 0

    async def pause(self) -> None:
        while self._subscriptions and not self._client.is_closed:
            with contextlib.suppress(TransportError), mapped("unsubscribe"):
                await self._subscriptions.pop().unsubscribe()

    async def close(self) -> None:
        await self.pause()
        self.fail(ConnectionLostError("the subscription is closed"))

    def reconnected(self) -> None:
        """The client subscribes again by itself."""

    def _drop(self) -> None:
        self.dropped += 1
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_S
            self._say_dropped()

    def _say_dropped(self) -> None:
        self._said = self.dropped
        _log.warning(
            "%d messages were dropped so far: the reader was too slow for core NATS, which keeps none",
            self.dropped,
        )

    def fail(self, error: TransportError) -> None:
        """Nothing will arrive any more."""
        if self.dropped > self._said:
            self._say_dropped()
        self._closed = True
        self._arrived.set()

    def _take(self, subject: str, reply: str, data: bytes, headers: bytes | None) -> None:
        buffer = self._buffer
        size = size_of(subject, reply, data, headers)
        if buffer and (size > self._room or len(buffer) >= self._limit):
            self._drop()
            return
        self._room -= size
        self._count += 1
        type_name, source = self._parts[subject]
        buffer.append(
            CoreDelivery(
                subject,
                reply,
                data,
                headers,
                self._origin,
                type_name,
                source,
                self._count,
                time.time_ns(),
            )
        )
        if len(buffer) == 1:  # nobody waits while there is one
            self._arrived.set()
