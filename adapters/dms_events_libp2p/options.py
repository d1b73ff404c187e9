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
    """``/ip4/…/tcp/…/p2p/…`` of peers to be connected to, or ``/dnsaddr/…``. They are dialled again for
    as long as the bus is open."""
    listen_address: Sequence[str] = ()
    """More multiaddrs to listen on."""
    announce: Sequence[str] = ()
    """The multiaddrs that other nodes are told, in place of those listened on."""
    private_key: PrivateKey | str | None = None
    """Go's marshalled form in base64, or a `PrivateKey`."""
    key_file: Path | str | None = None
    """A file that holds the key. One that is not there is made, for its owner alone. Without key and
    file the node has a new key, and so another peer id, each time."""
    state_dir: Path | str | None = None
    """A folder for what is to outlive the process, made if it is not there; of one node at a time.
    Without one the node begins anew each time, and what is replayed after a restart counts as new."""
    swarm_key: Path | str | None = None
    """A file with the key of a private network, in the form of go-libp2p's ``swarm.key``. Only nodes that
    have the same key can connect."""
    acl: Sequence[str] = ()
    """The peers and addresses that there may be connections with, in and out: IP addresses, networks
    (``10.0.0.0/8``), peer ids, and multiaddrs of them (``/ip4/10.1.2.3/p2p/12D3KooW…`` is both). Without
    any there may be connections with all."""
    dht_prefix: str = ""
    """The DHT that the node takes part in is that of the protocol ``<dht_prefix>/kad/1.0.0``, such as
    ``/nunet``. Without it the other settings of the DHT mean ``/ipfs``, as in Go."""
    server: bool = False
    """Answer other nodes in the DHT, in place of only asking them. They must be able to dial this one."""
    rendezvous: str = ""
    """A name, under which the node is found in the DHT and finds others, as by Go's routing discovery."""
    peer_count_discovery_limit: int = 0
    """The most peers of the rendezvous that a search asks for (0: 100); at most 500."""
    custom_namespace: str = ""
    """A namespace of values in the DHT: `Libp2pTransport.put_value` and ``get_value`` take the keys
    ``/<custom_namespace>/…``."""
    scheduler: Scheduler | None = None
    """Changes nothing. What Go hands to a scheduler, a node does here by itself while the bus is open:
    it dials again, looks for peers, and says again that it is there."""
    max_connections: int = 300
    """How many connections are kept. Of those beyond it the ones older than the grace period are closed,
    peers that share no topic with this node first, bootstrap peers never. Twice as many are the most."""
    grace_period_ms: int = 0
    """How long a new connection is not closed for being one too many (0: 20 s)."""
    gossip_max_message_size: int = 0
    """Most bytes of a gossip frame, in and out (0: 1 MiB, as Go's). All nodes should have the same: a
    frame larger than another node takes ends the stream to that node."""
    drop_below_window: bool = False
    """Drop messages that are numbered below what is remembered of their signer, in place of marking them
    as possibly replayed. Those of a node whose clock was set back are among them."""
    max_age_s: float = 0.0
    """Drop events whose envelope says that it is older (0: no limit). Clocks of nodes may be wrong. An
    envelope without a time, as Go's, is not dropped."""
    wait_for_peers_s: float = 0.0
    """How long a publish waits for somebody to send to, before it is an error."""
    own_messages: bool = False
    """Deliver here too what is published here."""
    buffer_bytes: int = 64 << 20
    """The most bytes that wait for one reader, for the event loop, for one peer, and from one peer."""
    buffer_messages: int = 10_000
    """The most messages that wait for one reader, and for the event loop."""
    connections_per_address: int = 64
    """The most inbound connections of one IP address."""
    refuse_address_s: float = 60.0
    """How long the address of a peer that sent junk is refused. The peer itself is refused for as long
    as the bus is open."""


def options_of(given: Mapping[str, Any]) -> Libp2pOptions:
    """The options by name.

    Raises:
        ConfigError: one of them is not known.
    """
    known = Libp2pOptions.__struct_fields__
    for name in given:
        if name not in known:
            reason = f"libp2p has no option {name!r}; it has {', '.join(sorted(known))}"
            raise ConfigError("options", reason)
    return Libp2pOptions(**given)
