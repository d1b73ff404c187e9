"""What all contestants share: one server, the same events, and the clock."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import nats
import nats.js.errors
import uuid_utils
from nats.aio.client import Client
from nats.js.api import ConsumerInfo
from pydantic import BaseModel

import dms_events
from benchmarks.codec import pydantic_model
from dms_events import Bus, codec, registry
from dms_events.envelope import Envelope, decode_envelope, encode_envelope
from dms_events.identity import new_id, now_rfc3339
from dms_events.types.elk_stats import ServiceCall

__all__ = [
    "CHUNK",
    "PEER",
    "TYPE_NAME",
    "Clock",
    "Model",
    "Scene",
    "identity",
    "opened",
    "sealed",
    "service_call",
    "subject",
]

PEER = "12D3KooWGzBbZfXbYpWbSeVpTcXWvTqXyMB9MjjLqUhvBcQkZtyK"
TYPE_NAME = registry.name_of(ServiceCall)
CHUNK = 500
"""How many nats-py and FastStream publish in one `gather`, and fetch in one request."""

Model: Any = pydantic_model(ServiceCall)


def identity() -> str:
    """The same for everybody, and the fastest there is: it is not what is compared."""
    return str(uuid_utils.uuid7())


class Clock:
    """CPU µs for each message, of this process, from entering to leaving."""

    us = 0.0

    def __init__(self, messages: int) -> None:
        self._messages = messages

    def __enter__(self) -> Self:
        gc.collect()
        self._start = time.process_time_ns()
        return self

    def __exit__(self, *_: object) -> None:
        self.us = (time.process_time_ns() - self._start) / 1_000 / self._messages


class Scene:
    """A server, and ``count`` events in every form that somebody publishes."""

    def __init__(self, url: str, count: int) -> None:
        self.url = url
        self.count = count
        self.streams: set[str] = set()
        """Streams that are full already."""
        self.events = [service_call(number) for number in range(count)]
        self.models: list[BaseModel] = [
            Model.model_validate_json(codec.encode(event)) for event in self.events
        ]
        self.envelopes = [sealed(event) for event in self.events]

    def bus(self, root: str = "dms", *, durable: bool = True) -> Bus:
        """A bus of its own connection, not opened."""
        return dms_events.connect(self.url, source=PEER, root=root, durable=durable)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        """nats-py as its documents show it."""
        client = await nats.connect(self.url)
        try:
            yield client
        finally:
            await client.close()

    async def fresh_stream(self, root: str) -> str:
        """An empty stream as the bus makes it over ``<root>.events.>``; its name."""
        name = f"{root.upper()}_EVENTS"
        async with self.client() as client:
            with suppress(nats.js.errors.NotFoundError):
                await client.jsm().delete_stream(name)
        async with self.bus(root):
            return name

    async def check_stored(self, stream: str) -> None:
        """All events are in the stream."""
        async with self.client() as client:
            await _until(lambda: _stored(client, stream), self.count)

    async def check_settled(self, stream: str, consumer: str) -> None:
        """All events were delivered to the consumer and acknowledged, each once."""
        async with self.client() as client:
            manager = client.jsm()

            async def settled() -> int:
                info: ConsumerInfo = await manager.consumer_info(stream, consumer)
                assert info.ack_floor is not None
                return info.ack_floor.consumer_seq if not info.num_pending else -1

            await _until(settled, self.count)
            await manager.delete_consumer(stream, consumer)


def subject(root: str) -> str:
    """Where the bus publishes the events, and so everybody."""
    return f"{root}.events.{TYPE_NAME}.{PEER}"


def sealed(event: ServiceCall) -> bytes:
    """The event in its envelope, as the bus sends it."""
    return encode_envelope(
        Envelope(
            type=TYPE_NAME,
            data=codec.encode(event),
            id=new_id(),
            source=PEER,
            time=now_rfc3339(),
        )
    )


def opened(data: bytes) -> ServiceCall:
    """The event of an envelope, read as the bus reads it."""
    return codec.decode(decode_envelope(data).data, ServiceCall)


async def _stored(client: Client, stream: str) -> int:
    return (await client.jsm().stream_info(stream)).state.messages


async def _until(ask: Callable[[], Awaitable[int]], expected: int) -> None:
    """The server counts a moment after it was told."""
    found = -1
    for _ in range(200):
        found = await ask()
        if found == expected:
            return
        await asyncio.sleep(0.01)
    raise RuntimeError(f"{expected} messages were expected, {found} counted")


def service_call(number: int, call_id: float | None = None) -> ServiceCall:
    return ServiceCall(
        call_id=48213.0 + number if call_id is None else call_id,
        peer_id_of_service_host=PEER,
        service_id="ml-training-resnet50",
        cpu_used=round(1834.53 + number * 0.37, 2),
        max_ram=4096.0,
        memory_used=round(3071.28 + number * 0.11, 2),
        network_bw_used=12.75,
        time_taken=round(361.482 + number * 0.013, 3),
        status="completed",
        amount_of_ntx=42,
        timestamp=round(1736903424.552665 + number * 0.25, 6),
    )
