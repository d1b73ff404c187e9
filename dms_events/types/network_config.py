"""The configuration of the network and its message envelope."""

from __future__ import annotations

from typing import Annotated, ClassVar, NewType

from msgspec import Meta, field

from ._enums import OpenStrEnum
from ._keys import KeyType, PrivateKey
from ._multiaddr import Multiaddr
from ._secrets import SecretKey, SecretStr
from ._wire import GoStruct, Int, unit

__all__ = [
    "KeyType",
    "Libp2pConfig",
    "MessageEnvelope",
    "MessageType",
    "Multiaddr",
    "NetworkConfig",
    "NetworkType",
    "PrivateKey",
    "PrivateNetworkConfig",
    "Scheduler",
]

MessageType = NewType("MessageType", str)
MessageType.__doc__ = "The subject matter of a message, as any text."


class MessageEnvelope(GoStruct, kw_only=True):
    """The DMS envelope with exactly the fields of the DMS README.

    This library sends `dms_events.Envelope`, which has more fields. Go reads it as this type.
    """

    type: Annotated[
        str,
        Meta(
            description="subject matter of the message", extra={"go": "network_config.MessageType"}
        ),
    ] = field(name="Type", default="")
    data: Annotated[bytes, Meta(description="the message itself")] = field(name="Data", default=b"")


class NetworkType(OpenStrEnum):
    """The kinds of network; `MEMORY` is for tests."""

    LIBP2P = "libp2p"
    NATS = "nats"
    MEMORY = "memory"


class Scheduler(GoStruct, kw_only=True):
    """A scheduler of background tasks. The wire only shows that there is one, not its contents."""


Multiaddrs = list[Multiaddr | None]
"""A list of Go interface values; each of them may be nil."""


class PrivateNetworkConfig(GoStruct, kw_only=True):
    """Membership in a private libp2p network. Part of Libp2pConfig."""

    with_swarm_key: Annotated[
        bool,
        Meta(description="true if the key is read from swarm.key in the configuration's folder"),
    ] = field(name="WithSwarmKey", default=False)
    acl: Annotated[Multiaddrs, Meta(description="addresses that may connect")] = field(
        name="ACL", default_factory=list
    )


DhtPrefix = Annotated[str, Meta(description="prefix of the DHT's protocol ids")]
Key = Annotated[
    SecretKey, Meta(description="private key of the node, which is its identity; has no JSON form")
]
BootstrapPeers = Annotated[Multiaddrs, Meta(description="peers to connect to first")]
Rendezvous = Annotated[str, Meta(description="name under which peers find each other")]
SchedulerPointer = Annotated[
    Scheduler | None,
    Meta(description="scheduler of background tasks", extra={"go": "*bt.Scheduler"}),
]
Server = Annotated[bool, Meta(description="true if the node serves the DHT")]
Namespace = Annotated[str, Meta(description="namespace of the DHT's records")]
ListenAddress = Annotated[list[str], Meta(description="multiaddrs to listen on")]
DiscoveryLimit = Annotated[Int, Meta(description="upper limit of the peers to look for")]
PrivateNetwork = Annotated[
    PrivateNetworkConfig, Meta(description="membership in a private network")
]
GracePeriodMs = Annotated[
    Int, unit("ms"), Meta(description="time for which a new connection is kept")
]
GossipMaxMessageSize = Annotated[Int, unit("bytes"), Meta(description="largest gossip message")]


class Libp2pConfig(GoStruct, kw_only=True):
    """The configuration of a libp2p node. Holds a secret."""

    dht_prefix: DhtPrefix = field(name="DHTPrefix", default="")
    private_key: Key = field(name="PrivateKey", default=None)
    bootstrap_peers: BootstrapPeers = field(name="BootstrapPeers", default_factory=list)
    rendezvous: Rendezvous = field(name="Rendezvous", default="")
    server: Server = field(name="Server", default=False)
    scheduler: SchedulerPointer = field(name="Scheduler", default=None)
    custom_namespace: Namespace = field(name="CustomNamespace", default="")
    listen_address: ListenAddress = field(name="ListenAddress", default_factory=list)
    peer_count_discovery_limit: DiscoveryLimit = field(name="PeerCountDiscoveryLimit", default=0)
    private_network: PrivateNetwork = field(
        name="PrivateNetwork", default_factory=PrivateNetworkConfig
    )
    grace_period_ms: GracePeriodMs = field(name="GracePeriodMs", default=0)
    gossip_max_message_size: GossipMaxMessageSize = field(name="GossipMaxMessageSize", default=0)


class NetworkConfig(GoStruct, kw_only=True):
    """The configuration of a network of any kind. Holds a secret."""

    go_embeds: ClassVar[tuple[str, ...]] = ("network_config.Libp2pConfig",)

    type: Annotated[NetworkType, Meta(description="kind of the network")] = field(
        name="Type", default=NetworkType("")
    )
    dht_prefix: DhtPrefix = field(name="DHTPrefix", default="")
    private_key: Key = field(name="PrivateKey", default=None)
    bootstrap_peers: BootstrapPeers = field(name="BootstrapPeers", default_factory=list)
    rendezvous: Rendezvous = field(name="Rendezvous", default="")
    server: Server = field(name="Server", default=False)
    scheduler: SchedulerPointer = field(name="Scheduler", default=None)
    custom_namespace: Namespace = field(name="CustomNamespace", default="")
    listen_address: ListenAddress = field(name="ListenAddress", default_factory=list)
    peer_count_discovery_limit: DiscoveryLimit = field(name="PeerCountDiscoveryLimit", default=0)
    private_network: PrivateNetwork = field(
        name="PrivateNetwork", default_factory=PrivateNetworkConfig
    )
    grace_period_ms: GracePeriodMs = field(name="GracePeriodMs", default=0)
    gossip_max_message_size: GossipMaxMessageSize = field(name="GossipMaxMessageSize", default=0)
    nats_url: Annotated[
        SecretStr, Meta(description="URL of the NATS server; may hold a password")
    ] = field(name="NATSUrl", default="")
