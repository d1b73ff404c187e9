"""libp2p in the contract suite: what a bus publishes leaves one node, and arrives at another."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from dms_events import OutgoingMessage, registry
from dms_events.transport import (
    Channel,
    KeyValue,
    Receiver,
    SubscriptionSpec,
    Transport,
)
from dms_events.types.network_config import PrivateKey
from dms_events_libp2p import Libp2pTransport
from dms_events_libp2p.keys import new_key, peer_id

__all__ = ["Net", "TwoNodes"]

TYPES = (*registry.matching("elk_stats.*"), "network_config.MessageEnvelope")
_NAME = re.compile(r"[a-z0-9-]{1,40}")


@cache
def _key_of(name: str) -> PrivateKey:
    return new_key()


class Net:
    """Nodes that know each other; each name that publishes has a key of its own."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.open: list[TwoNodes] = []

    def source_of(self, name: str) -> str:
        """The peer id that stands for a name; what cannot be a name is left as it is."""
        return peer_id(_key_of(name)) if _NAME.fullmatch(name) else name

    def pair(self, name: str, **options: Any) -> TwoNodes:
        """Two nodes that are not open yet; the first is called so."""
        key = _key_of(name) if _NAME.fullmatch(name) else None
        return TwoNodes(self, key, options)


class TwoNodes(Transport):
    """Publishes through one node and subscribes at another."""

    def __init__(self, net: Net, key: PrivateKey | None, options: dict[str, Any]) -> None:
        def node(key: PrivateKey | None, known: Iterable[str]) -> Libp2pTransport:
            url, peers = "libp2p://127.0.0.1:0", list(known)
            return Libp2pTransport(
                url, root=net.root, private_key=key, bootstrap_peers=peers, **options
            )

        self._net = net
        self._node = node
        self._key = key
        self.near = node(key, ())
        self.far = node(None, ())
        self.guarantees = self.near.guarantees

    @property
    def where(self) -> str:
        return self.near.where

    @property
    def max_payload(self) -> int:
        return self.near.max_payload

    async def open(self) -> None:
        others = list(self._net.open)
        self.near = self._node(self._key, _addresses(pair.far for pair in others))
        await self.near.open()
        nears = [self.near, *(pair.near for pair in others)]
        self.far = self._node(None, _addresses(nears))
        await self.far.open()
        self._net.open.append(self)
        spec = SubscriptionSpec(patterns=("*",), types=TYPES, start="new")
        await (await self.far.subscribe(spec)).close()
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

    async def notes(self, durable: str) -> KeyValue:
        return await self.far.notes(durable)

    async def readers(self, message: OutgoingMessage, durable: str = "") -> Sequence[str]:
        return await self.far.readers(message, durable)

    async def fetch(self, channel: Channel, sequence: int) -> bytes | None:
        return await self.far.fetch(channel, sequence)

    async def delete(self, channel: Channel, sequence: int) -> bool:
        return await self.far.delete(channel, sequence)

    async def close(self) -> None:
        if self in self._net.open:
            self._net.open.remove(self)
        await self.near.close()
        await self.far.close()


def _addresses(nodes: Iterable[Libp2pTransport]) -> list[str]:
    return [address for node in nodes for address in node.addresses]


async def _until_heard(publisher: Libp2pTransport, reader: Libp2pTransport) -> None:
    """Until what one publishes goes to the other."""
    async with asyncio.timeout(20):
        while True:
            pubsub = publisher._node.pubsub
            prefix = publisher._settings.topic_prefix
            known = [pubsub.peer_topics.get(f"{prefix}{name}", ()) for name in TYPES]
            if all(reader.peer_id in map(str, list(peers)) for peers in (pubsub.peers, *known)):
                return
            await asyncio.sleep(0.01)
