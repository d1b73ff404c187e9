"""The options of ``libp2p://``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

from ._schemes import Scheme, given, option

__all__ = ["JOINING", "WAIT_FOR_PEERS", "Libp2p", "Libp2pGuest"]

_LIBP2P: Final = partial(option, "libp2p")
_KEY_FILE: Final = partial(
    _LIBP2P,
    "--key-file",
    "File with the node's private key. A missing file is made.",
    default="a new key without a file",
)
Bootstrap: TypeAlias = Annotated[
    list[str] | None,
    _LIBP2P(
        "--bootstrap",
        "Address of a peer to connect to: /ip4/…/tcp/…/p2p/… or /dnsaddr/NAME. May be repeated.",
        metavar="MULTIADDR",
    ),
]
SwarmKey: TypeAlias = Annotated[
    Path | None,
    _LIBP2P("--swarm-key", "File with the key of a private network, as go-libp2p's swarm.key."),
]

DhtPrefix: TypeAlias = Annotated[
    str | None,
    _LIBP2P(
        "--dht-prefix",
        "Prefix of the DHT's protocol, such as /nunet. The DHT is a table that nodes share; peers are "
        "found in it.",
        metavar="/PREFIX",
    ),
]
Rendezvous: TypeAlias = Annotated[
    str | None,
    _LIBP2P("--rendezvous", "Name under which nodes find each other in the DHT.", metavar="NAME"),
]


class Libp2p(Scheme, frozen=True):
    """The options of ``libp2p://``; each has the name that it has for `connect`."""

    name = "libp2p"
    lacks = "libp2p:// stores nothing"

    key_file: Annotated[Path | None, _KEY_FILE()] = None
    bootstrap_peers: Bootstrap = None
    listen_address: Annotated[
        list[str] | None,
        _LIBP2P(
            "--listen-address",
            "Further address on which this node listens. May be repeated.",
            metavar="MULTIADDR",
        ),
    ] = None
    announce: Annotated[
        list[str] | None,
        _LIBP2P(
            "--announce",
            "Address that other nodes are told, in place of the addresses listened on. May be repeated.",
            metavar="MULTIADDR",
        ),
    ] = None
    swarm_key: SwarmKey = None
    acl: Annotated[
        list[str] | None,
        _LIBP2P(
            "--acl",
            "Peer id, address or network with which connections are permitted. May be repeated.",
            metavar="ENTRY",
            default="all",
        ),
    ] = None
    dht_prefix: DhtPrefix = None
    server: Annotated[
        bool, _LIBP2P("--dht-server", "Answer other nodes in the DHT, besides asking them.")
    ] = False
    rendezvous: Rendezvous = None
    peer_count_discovery_limit: Annotated[
        int | None,
        _LIBP2P(
            "--discovery-limit",
            "Most peers of the rendezvous that a search asks for, up to 500.",
            metavar="COUNT",
            default="100",
        ),
    ] = None
    custom_namespace: Annotated[
        str | None,
        _LIBP2P(
            "--custom-namespace",
            "Namespace of the values that this node keeps in the DHT.",
            metavar="NAME",
        ),
    ] = None
    grace_period_ms: Annotated[
        int | None,
        _LIBP2P(
            "--grace-period-ms",
            "Time for which a new connection is kept even if there are too many, in milliseconds.",
            metavar="MS",
            default="20000",
        ),
    ] = None
    gossip_max_message_size: Annotated[
        int | None,
        _LIBP2P(
            "--gossip-max-message-size",
            "Largest gossip frame (a message that nodes pass on to each other), in bytes.",
            metavar="BYTES",
            default="1048576",
        ),
    ] = None
    state_dir: Annotated[
        Path | None,
        _LIBP2P(
            "--state-dir",
            "Folder for the known peers and the numbers of the messages heard, kept over restarts.",
        ),
    ] = None
    drop_below_window: Annotated[
        bool,
        _LIBP2P(
            "--drop-below-window", "Drop messages that may be replays, instead of marking them."
        ),
    ] = False
    max_age_s: Annotated[
        float | None,
        _LIBP2P(
            "--max-age",
            "Age, by the event's own time, above which events are dropped.",
            metavar="SECONDS",
            default="no limit",
        ),
    ] = None
    wait_for_peers_s: float | None = None
    buffer_messages: int | None = None

    def adapter_options(self, *, wait: bool) -> dict[str, Any]:
        return given(self)


class Libp2pGuest(Scheme, frozen=True):
    """The options of a guest: a node for one look, while another node may run on this machine.

    Two nodes cannot share a key, a port or a folder, so a guest ignores the variables for these.
    """

    name = "libp2p"

    key_file: Annotated[Path | None, _KEY_FILE(env=None)] = None
    swarm_key: SwarmKey = None
    bootstrap_peers: list[str] | None = None
    dht_prefix: str | None = None
    rendezvous: str | None = None

    def adapter_options(self, *, wait: bool) -> dict[str, Any]:
        return given(self)


WAIT_FOR_PEERS: Final = (
    Annotated[
        float,
        _LIBP2P(
            "--wait-for-peers",
            "Longest wait of a publish for the first peer that subscribes.",
            metavar="SECONDS",
        ),
    ],
    10.0,
)
"""The option of commands that publish: a newly started node has no peers yet."""

JOINING: Final[dict[str, Any]] = {
    "bootstrap_peers": (Bootstrap, None),
    "dht_prefix": (DhtPrefix, None),
    "rendezvous": (Rendezvous, None),
}
"""The options of a guest that joins a network."""
