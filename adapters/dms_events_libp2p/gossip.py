"""Messages that arrive by gossip: once each, for every receiver that wants their type."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Mapping
from weakref import WeakSet

from dms_events.aio import set_within
from dms_events.errors import ConnectionLostError, TransportError
from dms_events.identity import id_of_position
from dms_events.transport import Receiver

from .arrivals import Arrived

__all__ = ["Gossip", "GossipDelivery", "GossipReceiver"]

_log = logging.getLogger("dms_events")
_MOST_KNOWN = 100_000
_QUIET_S = 1.0


class GossipDelivery:
    """A message that nobody stored: acknowledging it means nothing, giving it back is impossible."""

    __slots__ = ("_arrived", "_number", "type_name")

    def __init__(self, arrived: Arrived, number: int, type_name: str) -> None:
        self._arrived = arrived
        self._number = number
        self.type_name = type_name

    @property
    def data(self) -> bytes:
        return self._arrived.data

    @property
    def size(self) -> int:
        return self._arrived.size

    @property
    def subject(self) -> str:
        return self._arrived.topic

    @property
    def source(self) -> str:
        return self._arrived.signer

    @property
    def possibly_replayed(self) -> bool:
        return self._arrived.possibly_replayed

    @property
    def attempt(self) -> int:
        return 1

    @property
    def message_id(self) -> str:
        return ""

    @property
    def headers(self) -> Mapping[str, str] | None:
        return None

    @property
    def sequence(self) -> int:
        return 0

    @property
    def position(self) -> int:
        return self._number << 64 | self._arrived.arrived_ns

    @property
    def position_id(self) -> str:
        """UUIDv5 of (signer, seqno): the same at every node that the message reaches."""
        return id_of_position(self._arrived.signer, self._arrived.seqno, "gossip")

    @property
    def stored_ns(self) -> int:
        return self._arrived.arrived_ns

    async def ack(self) -> None:
        return

    def ack_soon(self) -> None:
        return

    async def nak(self, delay_s: float = 0.0) -> None:
        raise TransportError("gossip delivers once: there is nobody to give a message back to")

    async def term(self) -> None:
        return

    async def in_progress(self) -> None:
        return


class GossipReceiver(Receiver):
    """Holds up to ``limit`` messages and ``most_bytes``; what arrives beyond is dropped and counted.

    One message is always held, however large it is.
    """

    def __init__(
        self, gossip: Gossip, type_names: frozenset[str], limit: int, most_bytes: int
    ) -> None:
        self._gossip = gossip
        self.type_names = type_names
        self._limit = limit
        self._room = most_bytes
        """How many bytes may be held beside those that are."""
        self._buffer: deque[GossipDelivery] = deque()
        self._arrived = asyncio.Event()
        self._end: TransportError | None = None
        self.ack_wait_s = float("inf")
        self.dropped = 0
        self._quiet_until = 0.0

    def pop(self) -> GossipDelivery | None:
        if not self._buffer:
            return None
        delivery = self._buffer.popleft()
        self._room += delivery.size
        return delivery

    async def wait(self, timeout_s: float | None) -> bool:
        if not self._buffer and self._end is None:
            self._arrived.clear()
            await set_within(self._arrived, timeout_s)
        if self._end is not None and not self._buffer:
            raise self._end
        return bool(self._buffer)

    async def backlog(self) -> int:
        return 0

    async def pause(self) -> None:
        self._gossip.receivers.discard(self)

    async def close(self) -> None:
        self.fail(ConnectionLostError("the subscription is closed"))

    def fail(self, error: TransportError) -> None:
        """Nothing will arrive any more."""
        self._gossip.receivers.discard(self)
        self._end = self._end or error
        self._arrived.set()

    def put(self, delivery: GossipDelivery) -> None:
        """Take a message, or drop it."""
        size, buffer = delivery.size, self._buffer
        if not buffer or (len(buffer) < self._limit and size <= self._room):
            self._room -= size
            buffer.append(delivery)
            self._arrived.set()
            return
        self.dropped += 1
        if time.monotonic() >= self._quiet_until:
            self._quiet_until = time.monotonic() + _QUIET_S
            _log.warning(
                "%d messages were dropped so far: the reader was too slow for gossip, which keeps none",
                self.dropped,
            )


class Gossip:
    """Hands the messages of a node to its receivers, the same one (signer, ID) once."""

    def __init__(self, topic_prefix: str) -> None:
        self._prefix = topic_prefix
        self._known: dict[int, None] = {}
        self._count = 0
        self.receivers: WeakSet[GossipReceiver] = WeakSet()
        self.duplicates = 0

    def take(self, arrived: Arrived) -> None:
        """A message as it comes from the node."""
        if self._is_known(arrived.identity):
            self.duplicates += 1
            return
        self._count += 1
        type_name = arrived.topic.removeprefix(self._prefix)
        delivery = GossipDelivery(arrived, self._count, type_name)
        for receiver in list(self.receivers):
            if type_name in receiver.type_names:
                receiver.put(delivery)

    def _is_known(self, identity: int | None) -> bool:
        """Another message of the same ID by the same signer; each node has IDs of its own."""
        if identity is None:
            return False  # each of its messages has a seqno, which the node has looked at
        if identity in self._known:
            return True
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[identity] = None
        return False

    def fail(self, error: TransportError) -> None:
        """Nothing will arrive any more."""
        for receiver in list(self.receivers):
            receiver.fail(error)
