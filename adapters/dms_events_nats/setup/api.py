"""JetStream's API for streams and consumers: read, create and update their configurations.

nats-py leaves out of a configuration what it does not know, so that an update through it would reset
those settings. Here a configuration is what the server said.
"""

from __future__ import annotations

from typing import Any, Final

import nats.js.errors
from nats.aio.client import Client

from ..client import request
from .compare import DesiredConfig

__all__ = ["EXISTS_OTHERWISE", "create", "read", "update"]

EXISTS_OTHERWISE: Final = 10148
"""The error code where a consumer of that name exists with another configuration."""
_SINCE: Final = {"allow_batched": (2, 14)}


async def read(client: Client, target: DesiredConfig) -> dict[str, Any] | None:
    """The configuration on the server; None where it, or its stream, is not there."""
    verb = f"STREAM.INFO.{target.stream}"
    if target.consumer:
        verb = f"CONSUMER.INFO.{target.stream}.{target.consumer}"
    try:
        config: dict[str, Any] = (await request(client, verb))["config"]
    except nats.js.errors.NotFoundError:
        return None
    return config


async def create(client: Client, target: DesiredConfig, config: dict[str, Any]) -> None:
    """Make it, never changing an existing one; without what an older server does not know."""
    version = client.connected_server_version
    at = (version.major, version.minor)
    known = {key: value for key, value in config.items() if at >= _SINCE.get(key, at)}
    await _put(client, target, known, "create")


async def update(client: Client, target: DesiredConfig, config: dict[str, Any]) -> dict[str, Any]:
    """Change it, never making a new one; returns the configuration that the server has after that."""
    await _put(client, target, config, "update")
    # nats-server 2.15.1 answers the first update of a consumer after its restart with the old one.
    return await read(client, target) or {}


async def _put(client: Client, target: DesiredConfig, config: dict[str, Any], action: str) -> None:
    if target.consumer:
        verb = f"CONSUMER.DURABLE.CREATE.{target.stream}.{target.consumer}"
        body = {"stream_name": target.stream, "config": config, "action": action}
        await request(client, verb, body)
    else:
        await request(client, f"STREAM.{action.upper()}.{target.stream}", config)
