"""The libp2p transport: a node of its own, which publishes and subscribes by gossip."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

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
from dms_events.types.network_config import NetworkConfig, PrivateKey

from .addresses import listen_addresses, of_url, peers_of
from .bridge import Bridge, Handover
from .gossip import Gossip, GossipReceiver, is_envelope
from .keys import key_pair, load_key, peer_id
from .node import Arrived, Node, NodeSettings
from .options import check_built
from .publishing import Publisher, call_node, stores_nothing

__all__ = ["Libp2pTransport", "NodeFigures"]

_INBOUND = 10_000
_LARGEST = 1 << 20
_OVERHEAD = 2_048
"""Of a gossip frame: topic, signer, seqno, and key and signature, which are long with RSA."""
_GRACE_MS = 20_000


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
        root: first part of the topics, ``<root>/events/<module>.<Type>``.
        bootstrap_peers: ``/ip4/…/tcp/…/p2p/…`` of peers to be connected to. They are dialled again for as
            long as the bus is open.
        listen_address: more multiaddrs to listen on.
        announce: the multiaddrs that other nodes are told, in place of those listened on.
        private_key: Go's marshalled form in base64, or a `PrivateKey`.
        key_file: a file that holds the key. One that is not there is made, for its owner alone. Without
            both the node has a new key, and so another peer id, each time.
        grace_period_ms: how long a new connection is not closed for being one too many (0: 20 s).
        gossip_max_message_size: most bytes of a gossip frame, in and out (0: 1 MiB, as Go's). All nodes
            should have the same: what is larger than another node takes ends the stream to it.
        wait_for_peers_s: how long a publish waits for somebody to send to, before it is an error.
        own_messages: deliver here too what is published here.
        buffer_bytes: the most bytes that wait for one reader, for the event loop, and for one peer.
        connections_per_address: the most inbound connections of one IP address.
        refuse_address_s: how long the address of a peer that sent junk is refused. The peer itself is
            refused for as long as the bus is open.

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

    def __init__(
        self,
        url: str | NetworkConfig,
        *,
        root: str = "dms",
        bootstrap_peers: Sequence[str] = (),
        listen_address: Sequence[str] = (),
        announce: Sequence[str] = (),
        private_key: PrivateKey | str | None = None,
        key_file: Path | str | None = None,
        grace_period_ms: int = 0,
        gossip_max_message_size: int = 0,
        wait_for_peers_s: float = 0.0,
        own_messages: bool = False,
        buffer_bytes: int = 64 << 20,
        connections_per_address: int = 64,
        refuse_address_s: float = 60.0,
    ) -> None:
        listen, bootstrap = list(listen_address), list[str | None](bootstrap_peers)
        if isinstance(url, NetworkConfig):
            check_built(url)
            listen += url.listen_address
            bootstrap += url.bootstrap_peers
            private_key = private_key or url.private_key
            grace_period_ms = grace_period_ms or url.grace_period_ms
            gossip_max_message_size = gossip_max_message_size or url.gossip_max_message_size
        else:
            listen.append(of_url(url))
        self._prefix = _topic_prefix(root)
        self._root = root
        self._wait_s = _at_least("wait_for_peers_s", wait_for_peers_s, 0)
        largest = gossip_max_message_size or _LARGEST
        key = load_key(private_key, Path(key_file) if key_file else None)
        self._settings = NodeSettings(
            key_pair=key_pair(key),
            listen=listen_addresses(listen),
            announce=listen_addresses(announce),
            bootstrap=peers_of(bootstrap),
            largest=int(_at_least("gossip_max_message_size", largest, 2 * _OVERHEAD)),
            grace_period_s=_at_least("grace_period_ms", grace_period_ms or _GRACE_MS, 0) / 1000,
            most_queued=int(_at_least("buffer_bytes", buffer_bytes, 1)),
            per_address=int(_at_least("connections_per_address", connections_per_address, 1)),
            refuse_s=_at_least("refuse_address_s", refuse_address_s, 0),
        )
        self._peer_id = peer_id(key)
        self._own_messages = own_messages
        self._bridge: Bridge | None = None

    @property
    def where(self) -> str:
        return f"libp2p node {self._peer_id}, root {self._root}"

    @property
    def max_payload(self) -> int:
        return self._settings.largest - _OVERHEAD

    @property
    def peer_id(self) -> str:
        """Who this node is; the source of what it publishes."""
        return self._peer_id

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
        self._gossip = Gossip(self._prefix, own_messages=self._own_messages)
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
        return Publisher(bridge, self._node, self._prefix, self._wait_s, self.max_payload)

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
        topics = [f"{self._prefix}{name}" for name in spec.types]
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


def _topic_prefix(root: str) -> str:
    if not root or any(character.isspace() for character in root):
        raise ConfigError("root", f"{root!r} is empty or has white space")
    if root.strip("/").partition("/")[0] == "nunet":
        reason = (
            "nodes of the DMS take only signed actor envelopes there, and refuse who sends others"
        )
        raise ConfigError("root", f"{root!r}: {reason}")
    return f"{root}/events/"


def _at_least(setting: str, value: float, least: float) -> float:
    if not value >= least:
        raise ConfigError(setting, f"must be at least {least:g}, not {value:g}")
    return value
