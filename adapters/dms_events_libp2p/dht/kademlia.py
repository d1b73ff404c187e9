"""A node of the DHT: provides keys, finds their providers, and puts and gets values."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from hashlib import sha256
from itertools import chain, zip_longest
from typing import Any

import trio
from libp2p.peer.id import ID

from dms_events.errors import ConfigError

from ..addresses import Endpoint, Reach, named_by
from ..dialling import Dialler
from ..settings import DhtSettings
from .asking import Asking, NoAnswerError
from .messages import Found, Message, peers_in
from .records import LARGEST_VALUE
from .server import LONGEST_KEY, Server, under
from .table import Table

__all__ = ["Kademlia", "rendezvous_key"]


def rendezvous_key(name: str) -> bytes:
    """Return the key under which Go's routing discovery provides a name: its sha2-256 as a multihash."""
    return b"\x12\x20" + sha256(name.encode()).digest()


class Kademlia:
    """Takes part in the DHT of ``<prefix>/kad/1.0.0``, as a server or as a client that only asks."""

    def __init__(self, host: Any, dialler: Dialler, settings: DhtSettings) -> None:
        self._host = host
        self._own = host.get_id()
        self._dialler = dialler
        self._namespace = settings.namespace
        protocol = f"{settings.prefix}/kad/1.0.0"
        self._table = Table(self._own)
        self._asking = Asking(host, dialler, protocol, self._table)
        self._server = Server(dialler, self._asking, self._table, settings.namespace)
        if settings.serves:
            host.set_stream_handler(protocol, self._server.handle)

    async def find_peers(self) -> Found:
        """Look for this node's own id, which fills the table. Returns the peers of the table."""
        await self._asking.lookup(Message(type=Message.FIND_NODE, key=self._own.to_bytes()))
        return self._table.nearest(self._own.to_bytes())

    async def provide(self, key: bytes) -> int:
        """Tell the nodes nearest to a key that this node provides it. Returns how many took it.

        They forget it after two days at most.
        """
        message = Message(type=Message.ADD_PROVIDER, key=key)
        own = message.providerPeers.add(id=self._own.to_bytes())
        own.addrs.extend(
            address.decapsulate(f"/p2p/{self._own}").to_bytes()
            for address in self._host.get_addrs()
        )
        self._server.providers.add(key, self._own, named_by(own.addrs, Reach.MACHINE))
        return await self._tell_nearest(message)

    async def find_providers(self, key: bytes, count: int) -> Found:
        """Return up to ``count`` other peers that provide a key.

        The nodes that answer add one provider each in turn, so that no node can crowd out the providers
        that other nodes name.
        """
        told = [self._server.providers.of(key)]

        def take(answer: Message, peer: ID) -> None:
            told.append(peers_in(answer.providerPeers, count + 1, self._dialler.reach_to(peer)))

        await self._asking.lookup(Message(type=Message.GET_PROVIDERS, key=key), take)
        found: Found = {}
        for entry in chain.from_iterable(zip_longest(*map(_shuffled, told))):
            if entry is not None and len(found) < count:
                provider, endpoints = entry
                if endpoints and provider != self._own:
                    found.setdefault(provider, endpoints)
        return found

    async def put(self, name: str, value: bytes) -> int:
        """Put a value at the nodes nearest to its key. Returns how many took it.

        Raises:
            ConfigError: the key is not under the namespace, or the value is empty or too large.
        """
        key = self._key(name)
        if not 0 < len(value) <= LARGEST_VALUE:
            raise ConfigError("value", f"must have 1 to {LARGEST_VALUE} bytes, not {len(value)}")
        message = Message(type=Message.PUT_VALUE, key=key)
        message.record.key, message.record.value = key, value
        self._server.values.put(key, value)
        return await self._tell_nearest(message)

    async def get(self, name: str) -> bytes | None:
        """Return the value that most of the nodes nearest to the key have. None if they have none.

        Raises:
            ConfigError: the key is not under the namespace.
        """
        key = self._key(name)
        found: Counter[bytes] = Counter()

        def take(answer: Message, peer: ID) -> None:
            record = answer.record
            if record.key == key and 0 < len(record.value) <= LARGEST_VALUE:
                found[record.value] += 1

        message = Message(type=Message.GET_VALUE, key=key)
        await self._asking.lookup(message, take)
        own = self._server.values.get(key)
        return found.most_common(1)[0][0] if found else own

    def _key(self, name: str) -> bytes:
        key = name.encode()
        if not under(self._namespace, key) or len(key) > LONGEST_KEY:
            form = f"/{self._namespace or '<custom_namespace>'}/<name>"
            raise ConfigError("key", f"{name!r} is not {form}, of at most {LONGEST_KEY} bytes")
        return key

    async def _tell_nearest(self, message: Message) -> int:
        """Send a message to the nodes nearest to its key. Returns how many took it."""
        # A lookup finds nodes, so the key of a provider or of a value is looked up like a node's.
        search = Message(type=Message.FIND_NODE, key=message.key)
        took = 0

        async def tell(peer: ID, endpoints: list[Endpoint]) -> None:
            nonlocal took
            with suppress(NoAnswerError):
                if message.type == Message.PUT_VALUE:
                    answer = await self._asking.ask(peer, endpoints, message)
                    took += answer.record.value == message.record.value
                else:
                    await self._asking.tell(peer, endpoints, message)
                    took += 1

        near = await self._asking.lookup(search)
        async with trio.open_nursery() as telling:
            for peer, endpoints in near.items():
                telling.start_soon(tell, peer, endpoints)
        return took


def _shuffled(found: Found) -> list[tuple[ID, list[Endpoint]]]:
    """Shuffle the peers, so that not all nodes dial the same ones."""
    return random.sample(list(found.items()), len(found))
