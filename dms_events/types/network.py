"""The network that the DMS proposes: its configuration, state and messages."""

from __future__ import annotations

from typing import Annotated, Protocol, runtime_checkable

from msgspec import Meta, field

from ._wire import GoStruct
from .spec_config import SpecConfig

__all__ = ["Config", "MessageInfo", "NetConfig", "NetworkSpec", "NetworkStats"]


@runtime_checkable
class Config(Protocol):
    """An object that has the configuration of the network."""

    def get_network_config(self) -> SpecConfig:
        """Return the network's configuration itself, not a copy."""
        ...


class NetworkSpec(GoStruct, kw_only=True):
    """A stub in Go, without fields."""


class NetConfig(GoStruct, kw_only=True):
    """The configuration of the network; a stub in Go. A `Config`."""

    network_spec: Annotated[SpecConfig, Meta(description="specification of the network")] = field(
        default_factory=SpecConfig
    )

    def get_network_config(self) -> SpecConfig:
        """Return the network's configuration itself, not a copy."""
        return self.network_spec


class NetworkStats(GoStruct, kw_only=True):
    """Facts about the network for a user. Answers the request for them."""

    id: Annotated[str, Meta(description="libp2p peer id")] = ""
    listen_addr: Annotated[str, Meta(description="address that the node listens on")] = ""


class MessageInfo(GoStruct, kw_only=True):
    """Information on a message; a stub in Go."""

    info: Annotated[str, Meta(description="information on the message")] = ""
