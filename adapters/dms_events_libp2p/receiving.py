"""Messages that arrive by gossip, each handed once to every receiver of its type."""

from __future__ import annotations

from weakref import WeakSet

import msgspec

from dms_events.errors import TransportError
from dms_events.identity import id_of_position
from dms_events.transport import Delivery, DroppingReceiver

from .node import Arrived

__all__ = ["Gossip", "GossipDelivery", "GossipReceiver"]

_MOST_KNOWN = 100_000


class GossipDelivery(Delivery, msgspec.Struct, eq=False, gc=False):
    """A message that arrived by gossip."""

    arrived: Arrived
    number: int
    type_name: str

    @property
    def data(self) -> bytes:
        return self.arrived.data

    @property
    def size(self) -> int:
        return self.arrived.size

    @property
    def subject(self) -> str:
        return self.arrived.topic

    @property
    def source(self) -> str:
        return self.arrived.signer

    @property
    def possibly_replayed(self) -> bool:
        return self.arrived.possibly_replayed

    @property
    def position(self) -> int:
        return self.number << 64 | self.arrived.arrived_ns

    @property
    def position_id(self) -> str:
        """The UUIDv5 of (signer, seqno). It is the same at every node that the message reaches."""
        return id_of_position(self.arrived.signer, self.arrived.seqno, "gossip")

    @property
    def stored_ns(self) -> int:
        return self.arrived.arrived_ns

    def ack_soon(self) -> bool:
        return True


class GossipReceiver(DroppingReceiver[GossipDelivery]):
    """Gets the messages of some types. A message that finds the receiver full is dropped."""

    def __init__(
        self, gossip: Gossip, type_names: frozenset[str], limit: int, most_bytes: int
    ) -> None:
        super().__init__("gossip", limit, most_bytes)
        self._gossip = gossip
        self.type_names = type_names

    async def pause(self) -> bool:
        self._gossip.receivers.discard(self)
        return True

    def fail(self, error: TransportError) -> None:
        self._gossip.receivers.discard(self)
        super().fail(error)

    def put(self, delivery: GossipDelivery) -> bool:
        taken = super().put(delivery)
        self.possibly_replayed += taken and delivery.possibly_replayed
        return taken


class Gossip:
    """Hands the messages of a node to its receivers, each (signer, ID) once."""

    def __init__(self, topic_prefix: str) -> None:
        self._prefix = topic_prefix
        self._known: dict[int, None] = {}
        self._count = 0
        self.receivers: WeakSet[GossipReceiver] = WeakSet()
        self.duplicates = 0
        self._missed: dict[str, int] = {}
        """By topic: messages dropped on their way here. Only the trio side counts it up."""
        self._told: dict[str, int] = {}
        """By topic: dropped messages that the receivers were told of."""

    def miss(self, arrived: Arrived) -> None:
        """Count a message that the event loop did not take. Called on the trio side.

        The receivers are told when the next message is taken. There is a next one: the queue was full.
        """
        self._missed[arrived.topic] = self._missed.get(arrived.topic, 0) + 1

    def take(self, arrived: Arrived) -> None:
        """Hand a message of the node to the receivers of its type."""
        if self._missed != self._told:
            self._tell_missed()
        if self._is_known(arrived.identity):
            self.duplicates += 1
            return
        self._count += 1
        type_name = arrived.topic.removeprefix(self._prefix)
        delivery = GossipDelivery(arrived, self._count, type_name)
        for receiver in list(self.receivers):
            if type_name in receiver.type_names:
                receiver.put(delivery)

    def _tell_missed(self) -> None:
        for topic, missed in self._missed.copy().items():
            count = missed - self._told.get(topic, 0)
            self._told[topic] = missed
            for receiver in list(self.receivers):
                if count and topic.removeprefix(self._prefix) in receiver.type_names:
                    receiver.drops.add(count)

    def _is_known(self, identity: int | None) -> bool:
        """True if this signer sent this ID before. The same ID of another signer is another message."""
        if identity is None:
            return False  # no ID: the node has already checked its seqno
        if identity in self._known:
            return True
        if len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[identity] = None
        return False

    def fail(self, error: TransportError) -> None:
        """Tell the receivers that no message will arrive any more."""
        for receiver in list(self.receivers):
            receiver.fail(error)
