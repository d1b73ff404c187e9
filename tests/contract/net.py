"""libp2p in the contract suite: what a bus publishes leaves one node, and arrives at another.

Between the two are no others, or a line of them, which pass it on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any

from dms_events import OutgoingMessage, registry
from dms_events.transport import (
    Answer,
    Receiver,
    SubscriptionSpec,
    SupportsRequests,
    Transport,
)
from dms_events.types.network_config import PrivateKey
from dms_events_libp2p import Libp2pTransport
from dms_events_libp2p.keys.node_key import new_key, peer_id

__all__ = ["Net", "Pair"]

TYPES = (*registry.matching("elk_stats.*"), "network_config.MessageEnvelope")
_NAME = re.compile(r"[a-z0-9-]{1,40}")


@cache
def _key_of(name: str) -> PrivateKey:
    return new_key()


class Net:
    """Nodes that know each other; each name that publishes has a key of its own.

    With ``relays``, publishers know the first node of a line of so many, and readers the last one.
    """

    def __init__(self, root: str, relays: int = 0) -> None:
        self.root = root
        self.open: list[Pair] = []
        self._relays = relays
        self.line: list[Libp2pTransport] = []

    def source_of(self, name: str) -> str:
        """The peer id that stands for a name; what cannot be a name is left as it is."""
        return peer_id(_key_of(name)) if _NAME.fullmatch(name) else name

    def pair(self, name: str, **options: Any) -> Pair:
        """A publisher and a reader that are not open yet; the first is called so."""
        key = _key_of(name) if _NAME.fullmatch(name) else None
        return Pair(self, key, options)

    def node(self, known: Iterable[Libp2pTransport], **options: Any) -> Libp2pTransport:
        """A node that is not open yet, and will be connected to these."""
        peers = [address for other in known for address in other.addresses]
        return Libp2pTransport(
            "libp2p://127.0.0.1:0", root=self.root, bootstrap_peers=peers, **options
        )

    async def lay(self) -> None:
        """Open the line, and wait until each node of it passes on to the next."""
        while len(self.line) < self._relays:
            relay = self.node(self.line[-1:])
            await relay.open()
            for before in self.line[-1:]:
                await _until_heard(relay, before)
            await _join(relay)
            for before in self.line[-1:]:
                await _until_passed_on(before, relay)
            self.line.append(relay)

    async def take_up(self) -> None:
        """Close the line."""
        while self.line:
            await self.line.pop().close()


class Pair(Transport, SupportsRequests):
    """Publishes through one node and subscribes at another."""

    def __init__(self, net: Net, key: PrivateKey | None, options: dict[str, Any]) -> None:
        self._net = net
        self._key = key
        self._options = options
        self.near = net.node((), private_key=key, **options)
        self.far = net.node((), **options)
        self.guarantees = self.near.guarantees

    @property
    def where(self) -> str:
        return self.near.where

    @property
    def max_payload(self) -> int:
        return self.near.max_payload

    async def open(self) -> None:
        await self._net.lay()
        line, others = self._net.line, list(self._net.open)
        ahead = line[:1] or [pair.far for pair in others]
        self.near = self._net.node(ahead, private_key=self._key, **self._options)
        await self.near.open()
        nears = [self.near, *(pair.near for pair in others)]
        self.far = self._net.node(line[-1:] or nears, **self._options)
        await self.far.open()
        self._net.open.append(self)
        if line:
            await _until_heard(self.far, line[-1])
        await _join(self.far)
        if line:
            await _until_heard(self.near, line[0])
            await _until_passed_on(line[-1], self.far)
            assert self.far.peer_id not in {peer.peer_id for peer in self.near.peers}
            return
        for near in nears:
            await _until_heard(near, self.far)
        for pair in others:
            await _until_heard(self.near, pair.far)

    async def publish(self, message: OutgoingMessage) -> None:
        await self.near.publish(message)

    async def publish_many(self, messages: Iterable[OutgoingMessage]) -> int:
        return await self.near.publish_many(messages)

    async def subscribe(self, spec: SubscriptionSpec) -> Receiver:
        return await self.far.subscribe(spec)

    async def request(self, message: OutgoingMessage, to: str, timeout_s: float) -> bytes:
        return await self.near.request(message, to, timeout_s)

    def respond(self, type_name: str, answer: Answer) -> AbstractAsyncContextManager[None]:
        return self.far.respond(type_name, answer)

    async def close(self) -> None:
        if self in self._net.open:
            self._net.open.remove(self)
        await self.near.close()
        await self.far.close()
        if not self._net.open:
            await self._net.take_up()


async def _join(node: Libp2pTransport) -> None:
    """Subscribe to all types, for as long as the node is open."""
    spec = SubscriptionSpec(patterns=("*",), types=TYPES, start="new")
    await (await node.subscribe(spec)).close()


def _topics(node: Libp2pTransport) -> list[str]:
    return [f"{node._settings.topic_prefix}{name}" for name in TYPES]


async def _until_heard(publisher: Libp2pTransport, reader: Libp2pTransport) -> None:
    """Until what one publishes goes to the other."""
    pubsub = publisher._node.pubsub

    def known() -> bool:
        subscribers = (pubsub.peer_topics.get(topic, ()) for topic in _topics(publisher))
        return all(_has(reader, peers) for peers in (pubsub.peers, *subscribers))

    await _until(known)


async def _until_passed_on(relay: Libp2pTransport, to: Libp2pTransport) -> None:
    """Until what one hears goes to the other."""
    mesh = relay._node.router.mesh
    await _until(lambda: all(_has(to, mesh.get(topic, ())) for topic in _topics(relay)))


def _has(node: Libp2pTransport, peers: Iterable[Any]) -> bool:
    return node.peer_id in map(str, list(peers))


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
