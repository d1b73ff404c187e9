"""Reading from core NATS: fast, at most once, nothing stored."""

from __future__ import annotations

import contextlib
import time

from nats.aio.subscription import Subscription

from dms_events.errors import TransportError
from dms_events.transport import DroppingReceiver, SubscriptionSpec

from ..client import flush, mapped
from ..connection import DirectClient
from ..delivery import CoreDelivery, Origin, size_of
from ..subjects import Subjects

__all__ = ["CoreReceiver"]

_LIMIT = 65_536


class CoreReceiver(DroppingReceiver[CoreDelivery]):
    """Reads core NATS. Drops messages that arrive while it is full."""

    def __init__(self, client: DirectClient, subjects: Subjects, most_bytes: int) -> None:
        super().__init__("core NATS", _LIMIT, most_bytes)
        self._client = client
        self._subjects = subjects
        address = client.connected_url
        broker = f"core {address.hostname}:{address.port}" if address else "core"
        self._origin = Origin(client, subjects, broker=broker)
        self._parts = subjects.parts
        self._count = 0
        self._subscriptions: list[Subscription] = []

    async def open(self, spec: SubscriptionSpec) -> None:
        """Subscribe. Readers of one durable share its messages.

        Raises:
            TransportError: the server did not take the subscription.
        """
        filters, group = self._subjects.filters(spec), spec.durable or ""
        with mapped("subscribe"), self._client.permitted(filters):
            for subject in filters:
                self._subscriptions.append(
                    await self._client.subscribe_direct(subject, self._take, queue=group)
                )
            await flush(self._client)

    async def pause(self) -> bool:
        while self._subscriptions and not self._client.is_closed:
            with contextlib.suppress(TransportError), mapped("unsubscribe"):
                await self._subscriptions.pop().unsubscribe()
        return True

    def reconnected(self) -> None:
        """Do nothing: the client subscribes again by itself."""

    def _take(self, subject: str, reply: str, data: bytes, headers: bytes | None) -> None:
        buffer = self.buffer
        size = size_of(subject, reply, data, headers)
        if buffer and (size > self._room or len(buffer) >= self._limit):
            self.drops.add()
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
        if len(buffer) == 1:  # no reader waits while there is a message
            self._arrived.set()
