"""From the options of a node, and its NetworkConfig where it has one, to settings that are checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from dms_events.errors import ConfigError
from dms_events.types.network_config import NetworkConfig

from .acl import AccessList
from .addresses import listen_addresses, of_url, peers_of
from .keys import key_pair, load_key, peer_id
from .options import Libp2pOptions, check_built
from .swarm_key import SwarmKey, read_swarm_key

__all__ = ["NodeSettings", "settings_of"]

_LARGEST = 1 << 20
_OVERHEAD = 2_048
"""Of a gossip frame: topic, signer, seqno, and key and signature, which are long with RSA."""
_GRACE_MS = 20_000


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a node is to be."""

    peer_id: str
    key_pair: Any
    listen: Sequence[str]
    announce: Sequence[str]
    bootstrap: dict[str, list[str]]
    """Addresses by peer id."""
    largest: int
    """The most bytes of a gossip frame."""
    most_queued: int
    """The most bytes that wait for a peer, for the event loop, and for a reader."""
    most_waiting: int
    """The most messages that wait for the event loop, and for a reader."""
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

    @property
    def max_payload(self) -> int:
        """The most bytes of an envelope."""
        return self.largest - _OVERHEAD


def settings_of(where: str | NetworkConfig, options: Libp2pOptions) -> NodeSettings:
    """The settings of a node.

    Args:
        where: ``libp2p://HOST:PORT``, or a configuration, to which the options add.

    Raises:
        ConfigError: a setting cannot be, or is not built yet.
    """
    listen = list(options.listen_address)
    bootstrap = list[str | None](options.bootstrap_peers)
    acl = list[str | None](options.acl)
    private_key, grace_ms = options.private_key, options.grace_period_ms
    largest = options.gossip_max_message_size
    if isinstance(where, NetworkConfig):
        check_built(where)
        listen += where.listen_address
        bootstrap += where.bootstrap_peers
        acl += where.private_network.acl
        private_key = private_key or where.private_key
        grace_ms = grace_ms or where.grace_period_ms
        largest = largest or where.gossip_max_message_size
    else:
        listen.append(of_url(where))
    key = load_key(private_key, Path(options.key_file) if options.key_file else None)
    return NodeSettings(
        peer_id=peer_id(key),
        key_pair=key_pair(key),
        listen=listen_addresses(listen),
        announce=listen_addresses(options.announce, "announce"),
        bootstrap=peers_of(bootstrap),
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
    )


def _swarm_key(where: str | NetworkConfig, options: Libp2pOptions) -> SwarmKey | None:
    if options.swarm_key:
        return read_swarm_key(Path(options.swarm_key))
    if isinstance(where, NetworkConfig) and where.private_network.with_swarm_key:
        reason = (
            "a configuration has no folder here; name the file: connect(config, swarm_key=PATH)"
        )
        raise ConfigError("NetworkConfig.private_network.with_swarm_key", reason)
    return None


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
