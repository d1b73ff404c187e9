"""The options of a libp2p node, as its users give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from dms_events.errors import ConfigError
from dms_events.types.network_config import PrivateKey, Scheduler

__all__ = ["Libp2pOptions", "options_of"]


class Libp2pOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``connect("libp2p://HOST:PORT", …)``, beside those of every bus."""

    root: str = "dms"
    """First part of the topics, ``<root>/events/<module>.<Type>``."""
    bootstrap_peers: Sequence[str] = ()
    """Peers to stay connected to: ``/ip4/…/tcp/…/p2p/…`` or ``/dnsaddr/…``. The node dials them again
    for as long as the bus is open."""
    listen_address: Sequence[str] = ()
    """More multiaddrs to listen on."""
    announce: Sequence[str] = ()
    """The multiaddrs that other nodes are told, in place of those listened on."""
    private_key: PrivateKey | str | None = None
    """Go's marshalled form in base64, or a `PrivateKey`."""
    key_file: Path | str | None = None
    """A file that holds the key. A missing file is made, readable by its owner only. Without key and
    file the node has a new key, and so another peer id, each time."""
    state_dir: Path | str | None = None
    """A folder for the state that outlives the process. A missing folder is made; one node at a time can
    use it. Without a folder the node begins anew each time, and a message that is replayed after a
    restart counts as new."""
    swarm_key: Path | str | None = None
    """A file with the key of a private network, in the form of go-libp2p's ``swarm.key``. Only nodes that
    have the same key can connect."""
    acl: Sequence[str] = ()
    """The peers and addresses that may be connected, in and out: IP addresses, networks (``10.0.0.0/8``),
    peer ids, and multiaddrs of them (``/ip4/10.1.2.3/p2p/12D3KooW…`` names both). Without an entry
    everybody may be connected."""
    dht_prefix: str = ""
    """Prefix of the DHT, such as ``/nunet``: the node takes part in the DHT of the protocol
    ``<dht_prefix>/kad/1.0.0``. Without a prefix the other settings of the DHT use ``/ipfs``, as in Go."""
    server: bool = False
    """Answer other nodes in the DHT, and not only ask them. Other nodes must be able to dial this one."""
    rendezvous: str = ""
    """The name under which nodes find each other in the DHT, as with Go's routing discovery."""
    peer_count_discovery_limit: int = 0
    """How many peers of the rendezvous a search asks for at most (0: 100). The limit is 500."""
    custom_namespace: str = ""
    """The namespace of values in the DHT: `Libp2pTransport.put_value` and ``get_value`` take keys of the
    form ``/<custom_namespace>/…``."""
    scheduler: Scheduler | None = None
    """Accepted, and changes nothing. Go hands periodic jobs to a scheduler. Here the node does these jobs
    by itself while the bus is open: it dials again, looks for peers, and announces itself again."""
    max_connections: int = 300
    """How many connections are kept. Beyond it, connections older than the grace period are closed:
    first those of peers that share no topic with this node, never those of bootstrap peers. Twice this
    number is the hard limit."""
    grace_period_ms: int = 0
    """How long a new connection is kept although there are more than ``max_connections`` (0: 20 s)."""
    gossip_max_message_size: int = 0
    """Largest gossip frame in bytes, in and out (0: 1 MiB, as in Go). All nodes should have the same
    limit: a frame over the limit of another node ends the stream to that node."""
    drop_below_window: bool = False
    """Drop messages whose number is below the numbers remembered of their signer, in place of marking
    them as possibly replayed. The messages of a node whose clock was set back are among them."""
    max_age_s: float = 0.0
    """Drop events that are older than this by the time in their envelope (0: no limit). Clocks of nodes
    may be wrong. An envelope without a time, such as a Go node's, is not dropped."""
    wait_for_peers_s: float = 0.0
    """How long a publish waits for a subscriber to send to. After that it raises a `PublishError`."""
    own_messages: bool = False
    """Deliver this node's own messages to its own subscriptions too."""
    buffer_bytes: int = 64 << 20
    """Upper limit of the bytes that wait for one reader, for the event loop, for one peer, and of the
    unread bytes from one peer."""
    buffer_messages: int = 10_000
    """Upper limit of the messages that wait for one reader, and for the event loop."""
    connections_per_address: int = 64
    """Upper limit of the inbound connections of one IP address, or of one IPv6 network of 64 bits."""
    refuse_address_s: float = 60.0
    """How long the address of a peer that sent junk is refused. The peer itself is refused for as long
    as the bus is open."""


def options_of(given: Mapping[str, Any]) -> Libp2pOptions:
    """Return the options by name.

    Raises:
        ConfigError: an option is not known.
    """
    known = Libp2pOptions.__struct_fields__
    for name in given:
        if name not in known:
            reason = f"libp2p has no option {name!r}; it has {', '.join(sorted(known))}"
            raise ConfigError("options", reason)
    return Libp2pOptions(**given)
