"""Somebody who looks after a NATS server with a client of their own: plain requests, no library code."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import nats
from nats.aio.client import Client

__all__ = ["Operator", "at", "plain"]


class Operator:
    """Looks at and changes streams and consumers, in the server's own words."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def api(self, verb: str, body: object = None, timeout: float = 5) -> dict[str, Any]:
        data = b"" if body is None else json.dumps(body).encode()
        reply = await self.client.request(f"$JS.API.{verb}", data, timeout=timeout)
        answer: dict[str, Any] = json.loads(reply.data)
        assert "error" not in answer, answer["error"]
        return answer

    async def stream(self, name: str = "DMS_EVENTS") -> dict[str, Any]:
        """Its configuration, whole."""
        config: dict[str, Any] = (await self.api(f"STREAM.INFO.{name}"))["config"]
        return config

    async def change_stream(self, name: str = "DMS_EVENTS", **settings: object) -> dict[str, Any]:
        config = {**await self.stream(name), **settings}
        put: dict[str, Any] = (await self.api(f"STREAM.UPDATE.{name}", config))["config"]
        return put

    async def consumer(self, name: str, stream: str = "DMS_EVENTS") -> dict[str, Any]:
        """Its configuration, whole."""
        config: dict[str, Any] = (await self.api(f"CONSUMER.INFO.{stream}.{name}"))["config"]
        return config

    async def make_consumer(
        self, name: str, stream: str = "DMS_EVENTS", **settings: object
    ) -> dict[str, Any]:
        config = {"durable_name": name, "ack_policy": "explicit", **settings}
        body = {"stream_name": stream, "config": config, "action": "create"}
        answer = await self.api(f"CONSUMER.DURABLE.CREATE.{stream}.{name}", body)
        put: dict[str, Any] = answer["config"]
        return put

    async def change_consumer(
        self, name: str, stream: str = "DMS_EVENTS", **settings: object
    ) -> dict[str, Any]:
        config = {**await self.consumer(name, stream), **settings}
        body = {"stream_name": stream, "config": config, "action": "update"}
        answer = await self.api(f"CONSUMER.DURABLE.CREATE.{stream}.{name}", body)
        put: dict[str, Any] = answer["config"]
        return put

    async def subjects(self, stream: str = "DMS_EVENTS") -> dict[str, int]:
        """What is stored: how many messages under each subject."""
        info = await self.api(f"STREAM.INFO.{stream}", {"subjects_filter": ">"})
        found: dict[str, int] = info["state"].get("subjects") or {}
        return found


@asynccontextmanager
async def at(url: str) -> AsyncIterator[Operator]:
    """An operator at the server at ``url``, or at one of several."""
    client = await nats.connect(url.split(","))
    try:
        yield Operator(client)
    finally:
        await client.close()


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without what is written about it."""
    return {key: value for key, value in config.items() if key != "metadata"}
