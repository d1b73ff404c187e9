"""Makes checked settings of the options of a node, and of its NetworkConfig if it has one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from dms_events.errors import ConfigError
from dms_events.names import checked_root
from dms_events.types.network_config import Libp2pConfig, NetworkConfig

from .addresses import AccessList, announced_addresses, bootstrap_peers, listen_addresses, of_url
from .keys import SwarmKey, key_pair, load_key, peer_id, read_swarm_key
from .options import Libp2pOptions

__all__ = ["DhtSettings", "NodeSettings", "settings_of"]

_LARGEST = 1 << 20
_OVERHEAD = 2_048
"""Bytes of a frame beside the envelope: topic, signer, seqno, key and signature (long with RSA)."""
_GRACE_MS = 20_000
_DHT_PREFIX = "/ipfs"
_PREFIX = re.compile(r"(/[!-.0-~]+)+")
_FOUND, _MOST_FOUND = 100, 500


class DhtSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a node takes part in the DHT."""

    prefix: str
    serves: bool
    rendezvous: str
    limit: int
    """How many peers of the rendezvous a search asks for at most."""
    namespace: str
    """The namespace of values, without slashes."""


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The checked settings of a node."""

    peer_id: str
    key_pair: Any
    listen: Sequence[str]
    announce: Sequence[str]
    bootstrap: dict[str, list[str]]
    """Addresses of the bootstrap peers, by peer id."""
    bootstrap_names: list[str]
    """``/dnsaddr/…`` entries, which name more bootstrap peers."""
    dht: DhtSettings | None
    largest: int
    """Upper limit of a gossip frame, in bytes."""
    most_queued: int
    """Upper limit of the bytes that wait for a peer, for the event loop, and for a reader."""
    most_waiting: int
    """Upper limit of the messages that wait for the event loop, and for a reader."""
    state_dir: Path | None
    swarm_key: SwarmKey | None
    acl: AccessList
    most_connections: int
    grace_period_s: float
    per_address: int
    refuse_s: float
    wait_s: float
    own_messages: bool
    drop_below_window: bool
    max_age_s: float
    topic_prefix: str
    request_prefix: str

    @property
    def max_payload(self) -> int:
        """Upper limit of an envelope, in bytes."""
        return self.largest - _OVERHEAD


def settings_of(where: str | NetworkConfig, options: Libp2pOptions) -> NodeSettings:
    """Return the checked settings of a node.

    Args:
        where: ``libp2p://HOST:PORT``, or a configuration, to which the options add.

    Raises:
        ConfigError: a setting is not valid.
    """
    listen = list(options.listen_address)
    bootstrap = list[str | None](options.bootstrap_peers)
    acl = list[str | None](options.acl)
    private_key, grace_ms = options.private_key, options.grace_period_ms
    largest = options.gossip_max_message_size
    if isinstance(where, NetworkConfig):
        if not where.listen_address:
            reason = "is empty; name at least one, such as /ip4/0.0.0.0/tcp/4001"
            raise ConfigError("NetworkConfig.listen_address", reason)
        listen += where.listen_address
        bootstrap += where.bootstrap_peers
        acl += where.private_network.acl
        private_key = private_key or where.private_key
        grace_ms = grace_ms or where.grace_period_ms
        largest = largest or where.gossip_max_message_size
    else:
        listen.append(of_url(where))
    peers, names = bootstrap_peers(bootstrap)
    key = load_key(private_key, Path(options.key_file) if options.key_file else None)
    return NodeSettings(
        peer_id=peer_id(key),
        key_pair=key_pair(key),
        listen=listen_addresses(listen),
        announce=announced_addresses(options.announce),
        bootstrap=peers,
        bootstrap_names=names,
        dht=_dht_settings(where, options),
        largest=int(_at_least("gossip_max_message_size", largest or _LARGEST, 2 * _OVERHEAD)),
        state_dir=Path(options.state_dir) if options.state_dir else None,
        swarm_key=_swarm_key(where, options),
        acl=AccessList(acl),
        most_connections=int(_at_least("max_connections", options.max_connections, 1)),
        grace_period_s=_at_least("grace_period_ms", grace_ms or _GRACE_MS, 0) / 1000,
        most_queued=int(_at_least("buffer_bytes", options.buffer_bytes, 1)),
        most_waiting=int(_at_least("buffer_messages", options.buffer_messages, 1)),
        per_address=int(_at_least("connections_per_address", options.connections_per_address, 1)),
        refuse_s=_at_least("refuse_address_s", options.refuse_address_s, 0),
        wait_s=_at_least("wait_for_peers_s", options.wait_for_peers_s, 0),
        own_messages=options.own_messages,
        drop_below_window=options.drop_below_window,
        max_age_s=_at_least("max_age_s", options.max_age_s, 0),
        topic_prefix=_topic_prefix(options.root),
        request_prefix=f"/{options.root.strip('/')}/requests/",
    )


def _swarm_key(where: str | NetworkConfig, options: Libp2pOptions) -> SwarmKey | None:
    if options.swarm_key:
        return read_swarm_key(Path(options.swarm_key))
    if isinstance(where, NetworkConfig) and where.private_network.with_swarm_key:
        reason = "a configuration does not name the key's file; use connect(config, swarm_key=PATH)"
        raise ConfigError("NetworkConfig.private_network.with_swarm_key", reason)
    return None


def _dht_settings(where: str | NetworkConfig, options: Libp2pOptions) -> DhtSettings | None:
    """Return the settings of the DHT. None if no setting of the DHT is given."""
    config = where if isinstance(where, NetworkConfig) else Libp2pConfig()
    prefix = options.dht_prefix or config.dht_prefix
    rendezvous = options.rendezvous or config.rendezvous
    serves = options.server or config.server
    namespace = options.custom_namespace or config.custom_namespace
    limit = options.peer_count_discovery_limit or config.peer_count_discovery_limit
    if prefix and not _PREFIX.fullmatch(prefix):
        raise ConfigError("dht_prefix", f"{prefix!r} is not a protocol prefix such as /nunet")
    if limit and not rendezvous:
        reason = "limits the search for peers of a rendezvous; set rendezvous too"
        raise ConfigError("peer_count_discovery_limit", reason)
    if not 0 <= limit <= _MOST_FOUND:
        reason = f"must be between 0 and {_MOST_FOUND}, not {limit}"
        raise ConfigError("peer_count_discovery_limit", reason)
    if namespace:
        namespace = namespace.strip("/")
        if not namespace or "/" in namespace or namespace in {"pk", "ipns"}:
            reason = "must be one word, and not pk or ipns, whose values have forms of their own"
            raise ConfigError("custom_namespace", reason)
    if not (prefix or rendezvous or serves or namespace):
        return None
    return DhtSettings(
        prefix=prefix or _DHT_PREFIX,
        serves=serves,
        rendezvous=rendezvous,
        limit=limit or _FOUND,
        namespace=namespace,
    )


def _topic_prefix(root: str) -> str:
    if checked_root(root, slashes=True).strip("/").partition("/")[0] == "nunet":
        reason = "nodes of the DMS take only signed actor envelopes there, and refuse other senders"
        raise ConfigError("root", f"{root!r}: {reason}")
    return f"{root}/events/"


def _at_least(setting: str, value: float, least: float) -> float:
    if not value >= least:
        raise ConfigError(setting, f"must be at least {least:g}, not {value:g}")
    return value
