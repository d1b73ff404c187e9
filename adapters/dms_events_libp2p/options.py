"""What a NetworkConfig asks for that is not built yet."""

from __future__ import annotations

from typing import Final

from dms_events.errors import ConfigError
from dms_events.types.network_config import NetworkConfig

__all__ = ["check_built"]

_UNBUILT: Final = {
    "dht_prefix": "the DHT is not built yet",
    "rendezvous": "discovery is not built yet; name bootstrap_peers",
    "server": "the DHT is not built yet",
    "scheduler": "this node has no background jobs that others could schedule",
    "custom_namespace": "the DHT is not built yet",
    "peer_count_discovery_limit": "discovery is not built yet; name bootstrap_peers",
}
_PRIVATE = "private networks are not built yet"


def check_built(config: NetworkConfig) -> None:
    """Refuse what would be ignored.

    Raises:
        ConfigError: a field is set that is not built yet; the error names it.
    """
    for name, reason in _UNBUILT.items():
        if getattr(config, name):
            raise ConfigError(f"NetworkConfig.{name}", reason)
    if config.private_network.with_swarm_key:
        raise ConfigError("NetworkConfig.private_network.with_swarm_key", _PRIVATE)
    if config.private_network.acl:
        raise ConfigError("NetworkConfig.private_network.acl", _PRIVATE)
    if not config.listen_address:
        reason = "is empty; name at least one, such as /ip4/0.0.0.0/tcp/4001"
        raise ConfigError("NetworkConfig.listen_address", reason)
