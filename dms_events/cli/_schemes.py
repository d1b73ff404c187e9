"""The options of each scheme of URLs: a Struct, and a panel in the help of the commands that take it."""

from __future__ import annotations

import ssl
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, TypeAlias

import msgspec
import typer

from ..errors import ConfigError

__all__ = [
    "JOINING",
    "MAKE_STREAMS",
    "URL",
    "WAIT_FOR_PEERS",
    "Libp2p",
    "Libp2pGuest",
    "Nats",
    "Scheme",
    "option",
]


def option(
    panel: str,
    flag: str,
    text: str,
    *,
    env: str | None = "",
    metavar: str | None = None,
    default: str | None = None,
) -> Any:
    """Return an option of a panel. ``default`` is the text that the help shows for a default of None.

    Its variable is ``DMS_EVENTS_<ENV>``; an empty ``env`` takes the flag's name, None gives no variable.
    """
    words = flag.partition("/")[0].removeprefix("--").replace("-", "_")
    return typer.Option(
        flag,
        envvar=None if env is None else f"DMS_EVENTS_{env or words.upper()}",
        help=text,
        rich_help_panel=panel,
        metavar=metavar,
        show_default=default or True,
    )


class Scheme(msgspec.Struct, frozen=True):
    """The options of one scheme. This base class has none: it stands for any other scheme.

    A field without ``Annotated`` is an option of some commands only.
    """

    name: ClassVar[str] = ""
    lacks: ClassVar[str] = ""
    """The reason why some commands do not take this scheme."""

    def adapter_options(self, *, wait: bool) -> dict[str, Any]:
        """Return the options in the form that the scheme's adapter takes.

        Args:
            wait: try again for a while if the server does not listen, since it may be starting.

        Raises:
            ConfigError: a file cannot be read.
        """
        return {}


class Nats(Scheme, frozen=True):
    """The options of ``nats://``."""

    name = "nats"
    lacks = "nats:// has a server and no peers"

    credentials: Annotated[
        Path | None,
        option("NATS", "--credentials", "File with the credentials of the account (.creds)."),
    ] = None
    inbox_prefix: Annotated[
        str | None,
        option(
            "NATS",
            "--inbox-prefix",
            "Prefix of the subjects on which this client gets the server's answers; the account must "
            "be permitted to subscribe there.",
            default="_INBOX",
        ),
    ] = None
    tls_ca: Annotated[
        Path | None,
        option("NATS", "--tls-ca", "File with the certificates of the CA to trust (PEM)."),
    ] = None
    tls_cert: Annotated[
        Path | None, option("NATS", "--tls-cert", "File with the client's own certificate (PEM).")
    ] = None
    tls_key: Annotated[
        Path | None,
        option(
            "NATS",
            "--tls-key",
            "File with the key of that certificate (PEM).",
            default="the file of --tls-cert",
        ),
    ] = None
    tls_first: Annotated[
        bool,
        option(
            "NATS",
            "--tls-first",
            "Start TLS before anything else is sent. The server needs handshake_first.",
        ),
    ] = False
    make_streams: bool = False

    def adapter_options(self, *, wait: bool) -> dict[str, Any]:
        return self.server_options(wait=wait) | {"make_streams": self.make_streams}

    def server_options(self, *, wait: bool = False) -> dict[str, Any]:
        """Return the options about the server, without those about its streams."""
        given = {
            "credentials": self.credentials,
            "inbox_prefix": self.inbox_prefix,
            "tls": self._tls(),
            "tls_handshake_first": self.tls_first or None,
        }
        found = {name: value for name, value in given.items() if value is not None}
        return found | {"retry_on_failed_connect": wait}

    def _tls(self) -> ssl.SSLContext | None:
        if self.tls_cert is None and self.tls_key is not None:
            raise ConfigError("--tls-key", "needs --tls-cert")
        if self.tls_ca is None and self.tls_cert is None:
            return None
        named, file = "--tls-ca", self.tls_ca
        try:
            context = ssl.create_default_context(cafile=file)
            if self.tls_cert is not None:
                named, file = "--tls-cert", self.tls_cert
                context.load_cert_chain(self.tls_cert, self.tls_key)
        except OSError as error:  # an ssl.SSLError is one
            raise ConfigError(named, f"{file}: {error.strerror or error}") from error
        return context


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
        return _given(self)


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
        return _given(self)


def _given(options: Scheme) -> dict[str, Any]:
    fields = msgspec.structs.asdict(options)
    return {name: value for name, value in fields.items() if value is not None}


URL: Final = (
    Annotated[
        str,
        option(
            "Connection",
            "--url",
            "URL of the NATS server, or libp2p://HOST:PORT on which this command's own node listens.",
        ),
    ],
    "nats://127.0.0.1:4222",
)
"""The option of commands that take both schemes."""

MAKE_STREAMS: Final = (
    Annotated[
        bool,
        option(
            "NATS",
            "--make-streams/--no-make-streams",
            "Make missing streams. With --no-make-streams, the account needs no permission for that.",
        ),
    ],
    True,
)
"""The option of commands that may create streams."""

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
