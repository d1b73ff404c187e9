"""The libp2p transport: a node of its own, which publishes and subscribes by gossip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import msgspec

from dms_events.errors import ConfigError, ConnectionLostError, TransportError
from dms_events.transport import (
    Channel,
    Guarantees,
    KeyValue,
    OutgoingMessage,
    Receiver,
    SubscriptionSpec,
    Transport,
)
from dms_events.types.network_config import NetworkConfig

from .bridge import Bridge, Handover
from .gossip import Gossip, GossipReceiver, is_envelope
from .node import Arrived, Node
from .options import options_of
from .publishing import Publisher, call_node, stores_nothing
from .settings import settings_of

__all__ = ["Libp2pTransport", "NodeFigures"]

_INBOUND = 10_000


class NodeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of a node, as they are now; counts are since it was opened."""

    peers: int
    """Peers that are connected."""
    invalid: int
    """Signed messages that are no envelopes; they are not relayed."""
    duplicates: int
    """Messages that were thrown away since their signer sent their ID before."""
    refused: int
    """Inbound connections that were not let in."""
    dropped_inbound: int
    """Messages thrown away since the event loop did not take them."""
    dropped_outbound: int
    """Messages thrown away since a peer did not take them; counted for each peer."""
    queued_inbound: int
    queued_outbound: int


class Libp2pTransport(Transport):
    """A libp2p node on TCP. Events go by gossip to the peers that subscribe to their type.

    A message is signed by its node, and its source is the signer. Nothing is stored: who is not there
    when it is published does not get it.

    Args:
        url: ``libp2p://HOST:PORT``, where this node listens (port 0: any that is free), or a
            `NetworkConfig`. Options add to what the configuration says.
        options: the fields of `Libp2pOptions`.

    Raises:
        ConfigError: a setting cannot be, or is not built yet.
    """

    guarantees = Guarantees(
        acknowledges=False,
        durable=False,
        dedupes=True,
        full="drop",
        ordered=False,
        authenticates=True,
    )

    def __init__(self, url: str | NetworkConfig, **options: Any) -> None:
        self._options = options_of(options)
        self._settings = settings_of(url, self._options)
        self._bridge: Bridge | None = None

    @property
    def where(self) -> str:
        return f"libp2p node {self.peer_id}, root {self._options.root}"

    @property
    def max_payload(self) -> int:
        return self._settings.max_payload

    @property
    def peer_id(self) -> str:
        """Who this node is; the source of what it publishes."""
        return self._settings.peer_id

    @property
    def addresses(self) -> list[str]:
        """Where this node is, once it is open: multiaddrs, which others can have as bootstrap peers."""
        return list(self._node.addresses) if self._bridge else []

    @property
    def peers(self) -> list[str]:
        """The peer ids of the nodes that are connected."""
        return self._node.peers if self._bridge else []

    @property
    def figures(self) -> NodeFigures:
        """Figures for metrics.

        Raises:
            ConnectionLostError: the bus is not open.
        """
        self._opened()
        node = self._node
        return NodeFigures(
            peers=len(node.peers),
            invalid=node.pubsub.invalid,
            duplicates=self._gossip.duplicates,
            refused=node.admission.refused,
            dropped_inbound=self._handover.dropped,
            dropped_outbound=node.router.dropped,
            queued_inbound=len(self._handover),
            queued_outbound=sum(map(len, list(node.pubsub.peer_queues.values()))),
        )

    async def open(self) -> None:
        bridge = Bridge(self._run, name="dms-events-libp2p", on_end=self._on_end)
        self._gossip = Gossip(self._settings.topic_prefix, own_messages=self._options.own_messages)
        self._handover: Handover[Arrived] = Handover(
            bridge,
            self._gossip.take,
            _INBOUND,
            most_bytes=self._settings.most_queued,
            size_of=lambda arrived: arrived.size,
        )
        self._node = Node(self._settings, is_envelope, self._handover.put)
        try:
            await bridge.open()
        except (ConfigError, TransportError):
            raise
        except Exception as error:
            raise TransportError(f"the libp2p node did not start: {error!r}") from error
        self._bridge = bridge

    def _run(self) -> AbstractAsyncContextManager[None]:
        return self._node.run()

    async def publish(self, message: OutgoingMessage) -> None:
        await self.publish_many([message])

    async def publish_many(self, messages: Iterable[OutgoingMessage]) -> int:
        return await self._publisher(self._opened()).publish(messages)

    def _publisher(self, bridge: Bridge) -> Publisher:
        return Publisher(bridge, self._node, self._settings)

    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        if spec.channel != "events":
            stores_nothing()
        if spec.durable is not None:
            reason = "gossip stores nothing; subscribe without a durable, or relay into NATS"
            raise ConfigError("durable", reason)
        if spec.start == "all":
            raise ConfigError("start", "gossip stores nothing; only what is new can be had")
        bridge = self._opened()
        receiver = GossipReceiver(
            self._gossip,
            frozenset(spec.types),
            max(_INBOUND, spec.prefetch),
            self._settings.most_queued,
        )
        self._gossip.receivers.add(receiver)
        topics = [f"{self._settings.topic_prefix}{name}" for name in spec.types]
        await call_node(bridge, self._node.join, topics)
        return receiver

    async def notes(self, durable: str) -> KeyValue:
        stores_nothing()

    async def readers(self, message: OutgoingMessage, durable: str = "") -> Sequence[str]:
        stores_nothing()

    async def fetch(self, channel: Channel, sequence: int) -> bytes | None:
        stores_nothing()

    async def delete(self, channel: Channel, sequence: int) -> bool:
        stores_nothing()

    async def close(self) -> None:
        bridge, self._bridge = self._bridge, None
        if bridge is not None:
            try:
                with suppress(ConnectionLostError):  # the node ended by itself
                    await bridge.call(self._node.flush)
            finally:
                await bridge.close()

    def _on_end(self, error: BaseException | None) -> None:
        reason = f"the libp2p node ended: {error!r}" if error else "the bus is closed"
        closed = ConnectionLostError(reason)
        closed.__cause__ = error
        self._gossip.fail(closed)

    def _opened(self) -> Bridge:
        if self._bridge is None:
            raise ConnectionLostError("the bus is not open; use it in async with")
        return self._bridge
