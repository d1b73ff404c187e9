"""Publishing by gossip: hands messages to peers in order. The error holds the messages not handed on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, NoReturn, TypeVar

from dms_events.errors import ConfigError, PublishError, TransportError
from dms_events.transport import OutgoingMessage

from .bridge import Bridge
from .node import Node, NoPeersError, Progress
from .settings import NodeSettings

__all__ = ["Publisher", "call_node", "stores_nothing"]

T = TypeVar("T")

_CHUNK = 64


def stores_nothing() -> NoReturn:
    """Refuse a call that needs a store.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(
        "durable", "gossip stores nothing, so there are no dead letters and no durables"
    )


async def call_node(bridge: Bridge, function: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Call a node. An exception of its library becomes a `TransportError`."""
    try:
        return await bridge.call(function, *args)
    except (ConfigError, TransportError, NoPeersError):
        raise
    except Exception as error:
        raise TransportError(f"the libp2p node failed: {error!r}") from error


class Publisher:
    """Publishes the messages of a call."""

    def __init__(self, bridge: Bridge, node: Node, settings: NodeSettings) -> None:
        self._bridge = bridge
        self._node = node
        self._settings = settings

    async def publish(self, messages: Iterable[OutgoingMessage]) -> int:
        """Publish the messages in order. Returns how many were published.

        Raises:
            PublishError: a message is too large, or no connected peer subscribes to its topic.
            CancelledError: the call was cancelled. Its cause is a `PublishError` with the rest.
        """
        sent = 0
        for chunk in _chunks(iter(messages)):
            await self._publish(chunk, sent)
            sent += len(chunk)
        return sent

    async def _publish(self, chunk: Sequence[OutgoingMessage], before: int) -> None:
        progress = Progress()
        batch = [
            (self._topic(message), message.data)
            for message in takewhile(lambda m: len(m.data) <= self._settings.max_payload, chunk)
        ]

        def cut(reason: str) -> PublishError:
            return PublishError(reason, chunk[progress.sent :], before + progress.sent)

        try:
            await call_node(
                self._bridge, self._node.publish, batch, self._settings.wait_s, progress
            )
        except asyncio.CancelledError as cancelled:
            cancelled.__cause__ = cut(f"cut off when {before + progress.sent} were sent")
            raise
        except NoPeersError as error:
            waited = f" within {self._settings.wait_s:g} s" if self._settings.wait_s else ""
            peers = len(self._node.host.get_network().connections)
            reason = f"no connected peer subscribes to {error}{waited}; {peers} peers are connected"
            raise cut(reason) from error
        except TransportError as error:
            raise cut(str(error)) from error
        if len(batch) < len(chunk):
            large = chunk[len(batch)]
            size = f"{len(large.data)} bytes are over the limit of {self._settings.max_payload}"
            too_large = cut(f"{large.type_name}: {size}")
            too_large.refused_for_good = [large]
            raise too_large

    def _topic(self, message: OutgoingMessage) -> str:
        if message.channel != "events":
            stores_nothing()
        return f"{self._settings.topic_prefix}{message.type_name}"


def _chunks(messages: Iterator[OutgoingMessage]) -> Iterator[list[OutgoingMessage]]:
    """Yield the messages in chunks. An error of the iterator is raised after the messages before it."""
    failure: Exception | None = None
    while failure is None:
        chunk: list[OutgoingMessage] = []
        try:
            for message in messages:
                chunk.append(message)
                if len(chunk) == _CHUNK:
                    break
        except Exception as error:  # noqa: BLE001
            failure = error
        if not chunk:
            break
        yield chunk
    if failure is not None:
        raise failure
