"""The libp2p transport: a node of its own, which gossips events, and asks on streams."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

from dms_events.errors import ConfigError, ConnectionLostError, TransportError
from dms_events.transport import (
    Answer,
    Guarantees,
    OutgoingMessage,
    Peer,
    Receiver,
    SubscriptionSpec,
    SupportsPeers,
    SupportsRequests,
    Transport,
)
from dms_events.types.machine import PingResult
from dms_events.types.network import NetworkStats
from dms_events.types.network_config import NetworkConfig

from .addresses import target_of
from .bridge import Bridge, Handover
from .node import Arrived, Node
from .options import options_of
from .publishing import Publisher, call_node, stores_nothing
from .receiving import Gossip, GossipReceiver
from .requests import Requests
from .settings import settings_of
from .status import NodeFigures, figures_of, peers_of

__all__ = ["Libp2pTransport"]

_log = logging.getLogger("dms_events")


class Libp2pTransport(Transport, SupportsPeers, SupportsRequests):
    """A libp2p node on TCP. Events go by gossip to the peers that subscribe to their type. Requests go on
    streams to the peer that they name.

    A node signs its messages, and the source of a message is its signer. Nothing is stored: a peer that
    is not connected when a message is published does not get it.

    Args:
        url: ``libp2p://HOST:PORT``, where this node listens (port 0: any that is free), or a
            `NetworkConfig`. Options add to what the configuration says.
        options: the fields of `Libp2pOptions`.

    Raises:
        ConfigError: a setting is not valid, or is not supported yet.
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
        """The peer id of this node, which is the source of its messages."""
        return self._settings.peer_id

    @property
    def addresses(self) -> list[str]:
        """The multiaddrs of this node while it is open. Other nodes can use them as bootstrap peers."""
        return list(self._node.addresses) if self._bridge else []

    @property
    def peers(self) -> tuple[Peer, ...]:
        return peers_of(self._node, self._settings.topic_prefix) if self._bridge else ()

    @property
    def figures(self) -> NodeFigures:
        """Figures for metrics. They can be read from any thread.

        Raises:
            ConnectionLostError: the bus is not open.
        """
        self._opened()
        return figures_of(self._node, self._gossip, self._handover)

    @property
    def stats(self) -> NetworkStats:
        """The peer id of this node and its addresses, separated by commas, in the form of the DMS."""
        return NetworkStats(id=self.peer_id, listen_addr=", ".join(self.addresses))

    async def ping(self, peer: str, *, timeout_s: float = 5.0) -> PingResult:
        """Ping a peer once. Name it by its peer id, or by a multiaddr with ``/p2p/``.

        A peer that is not connected is dialled, and stays connected. ``success`` is False if no answer
        came within ``timeout_s``, which includes the dial.

        Raises:
            ConfigError: ``peer`` is neither an id nor such a multiaddr.
            TransportError: the peer cannot be reached, or sends a wrong answer.
            ConnectionLostError: the bus is not open.
        """
        peer_id, addresses = target_of(peer)
        asked = self._node.ping, peer_id, addresses, timeout_s
        took_ns = await call_node(self._opened(), *asked)
        return PingResult(rtt=took_ns or 0, success=took_ns is not None)

    async def open(self) -> None:
        bridge = Bridge(self._run, name="dms-events-libp2p", on_end=self._on_end)
        self._gossip = Gossip(self._settings.topic_prefix)
        self._handover: Handover[Arrived] = Handover(
            bridge,
            self._gossip.take,
            self._settings.most_waiting,
            most_bytes=self._settings.most_queued,
            size_of=lambda arrived: arrived.size,
            on_drop=self._gossip.miss,
        )
        self._node = Node(self._settings, self._handover.put)
        self._requests = Requests(bridge, self._node, self._settings)
        try:
            await bridge.open()
        except (ConfigError, TransportError):
            raise
        except Exception as error:
            raise TransportError(f"the libp2p node did not start: {error!r}") from error
        self._bridge = bridge
        _log.info("%s listens on %s", self.where, ", ".join(self.addresses))

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
            raise ConfigError("start", "gossip stores nothing; only new events can be read")
        bridge = self._opened()
        receiver = GossipReceiver(
            self._gossip,
            frozenset(spec.types),
            self._settings.most_waiting,
            self._settings.most_queued,
        )
        self._gossip.receivers.add(receiver)
        topics = [f"{self._settings.topic_prefix}{name}" for name in spec.types]
        await call_node(bridge, self._node.join, topics)
        return receiver

    async def put_value(self, key: str, value: bytes) -> int:
        """Keep a value in the DHT for two days. Returns how many other nodes took it.

        The DHT checks no identity: every node can put another value under the same key, and the last
        value counts. So sign a value that matters.

        Args:
            key: ``/<custom_namespace>/<name>``, at most 128 bytes.
            value: 1 to 65,536 bytes.

        Raises:
            ConfigError: the node has no namespace, or the key or the value breaks these rules.
            TransportError: the node has ended.
        """
        return await call_node(self._opened(), self._node.neighbours.put_value, key, value)

    async def get_value(self, key: str) -> bytes | None:
        """Return the value that most of the nodes near the key have. None if no such node has one.

        Raises:
            ConfigError: the node has no namespace, or the key is not under it.
            TransportError: the node has ended.
        """
        return await call_node(self._opened(), self._node.neighbours.get_value, key)

    async def request(self, message: OutgoingMessage, to: str, timeout_s: float) -> bytes:
        self._opened()
        return await self._requests.request(message, to, timeout_s)

    def respond(self, type_name: str, answer: Answer) -> AbstractAsyncContextManager[None]:
        self._opened()
        return self._requests.respond(type_name, answer)

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
