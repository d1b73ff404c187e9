"""JetStream's API for streams and consumers: read, create and update their configurations.

nats-py leaves out the settings that it does not know, so an update through it would reset them. Here a
configuration is the server's own answer.
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
    """Return the server's configuration; None if the stream or the consumer does not exist."""
    verb = f"STREAM.INFO.{target.stream}"
    if target.consumer:
        verb = f"CONSUMER.INFO.{target.stream}.{target.consumer}"
    try:
        config: dict[str, Any] = (await request(client, verb))["config"]
    except nats.js.errors.NotFoundError:
        return None
    return config


async def create(client: Client, target: DesiredConfig, config: dict[str, Any]) -> None:
    """Make a stream or consumer; never change one. Settings unknown to an older server are left out."""
    version = client.connected_server_version
    at = (version.major, version.minor)
    known = {key: value for key, value in config.items() if at >= _SINCE.get(key, at)}
    await _put(client, target, known, "create")


async def update(client: Client, target: DesiredConfig, config: dict[str, Any]) -> dict[str, Any]:
    """Change a stream or consumer; never make one. Returns the server's configuration after that."""
    await _put(client, target, config, "update")
    # After a restart, nats-server 2.15.1 answers the first update of a consumer with the old settings.
    return await read(client, target) or {}


async def _put(client: Client, target: DesiredConfig, config: dict[str, Any], action: str) -> None:
    if target.consumer:
        verb = f"CONSUMER.DURABLE.CREATE.{target.stream}.{target.consumer}"
        body = {"stream_name": target.stream, "config": config, "action": action}
        await request(client, verb, body)
    else:
        await request(client, f"STREAM.{action.upper()}.{target.stream}", config)
