"""The server side of the DHT: answers other nodes from the bounded records kept here."""

from __future__ import annotations

from collections import Counter
from typing import Any

import trio
from libp2p.network.stream.exceptions import StreamEOF
from libp2p.peer.id import ID

from ..dialling import Dialler
from ..workarounds import Frames
from .asking import Asking
from .messages import Found, Message, id_of, peers_in, put_peers, write
from .records import LARGEST_VALUE, Providers, Values
from .table import Table

__all__ = ["LONGEST_KEY", "Server", "under"]

_LARGEST_REQUEST = 2 * LARGEST_VALUE
LONGEST_KEY = 128
_IDLE_S = 60.0
_PAUSE_S = 0.02
"""Pause between two answers on a stream. So a peer that asks as fast as it can takes little CPU."""
_MOST_STREAMS_OF_A_PEER = 4
_MOST_STREAMS = 256
_MOST_PROVIDERS = 100
_LEARN_EVERY_S = 1.0


def under(namespace: str, key: bytes) -> bool:
    """True if a key is ``/<namespace>/<more>``."""
    return bool(namespace) and key.startswith(f"/{namespace}/".encode()) and key[-1:] != b"/"


class Server:
    """Answers as go-libp2p-kad-dht does. Bytes that are no request end their stream."""

    def __init__(self, dialler: Dialler, asking: Asking, table: Table, namespace: str) -> None:
        self._dialler = dialler
        self._asking = asking
        self._table = table
        self._namespace = namespace
        self._streams: Counter[ID] = Counter()
        self._learned_at = 0.0
        self.providers = Providers()
        self.values = Values()

    async def handle(self, stream: Any) -> None:
        """Answer the requests on a stream until it ends. Go keeps one stream open for each peer."""
        peer = stream.muxed_conn.peer_id
        if self._streams[peer] >= _MOST_STREAMS_OF_A_PEER or self._streams.total() >= _MOST_STREAMS:
            await stream.reset()
            return
        self._streams[peer] += 1
        try:
            await self._serve(peer, stream)
        finally:
            self._streams[peer] -= 1
            self._streams += Counter()  # forgets peers without streams

    async def _serve(self, peer: ID, stream: Any) -> None:
        frames = Frames(stream, _LARGEST_REQUEST)
        while True:
            try:
                with trio.fail_after(_IDLE_S):
                    frame = await frames.next()
            except StreamEOF:
                await stream.close()
                return
            request = Message()
            request.ParseFromString(frame)
            answer = self._answer(peer, request)
            if answer is not None:
                with trio.fail_after(_IDLE_S):
                    await write(stream, answer)
            await trio.sleep(_PAUSE_S)

    def _answer(self, peer: ID, request: Message) -> Message | None:
        """Return the answer to a request. None for ADD_PROVIDER, which gets no answer.

        Raises:
            ValueError: the request cannot be answered.
        """
        key, kind = request.key, request.type
        if kind == Message.PING:
            return Message(type=kind)
        if not 0 < len(key) <= LONGEST_KEY:
            raise ValueError("a request of the DHT has no key, or too long a one")
        if kind == Message.ADD_PROVIDER:
            self._add_provider(peer, request)
            return None
        if kind == Message.PUT_VALUE:
            return self._put(request)
        answer = Message(type=kind, key=key)
        if kind == Message.GET_PROVIDERS:
            known = list(self.providers.of(key).items())[-_MOST_PROVIDERS:]
            put_peers(answer.providerPeers, dict(known))
        elif kind == Message.GET_VALUE:
            value = self.values.get(key)
            if value is not None:
                answer.record.key, answer.record.value = key, value
        elif kind != Message.FIND_NODE:
            raise ValueError(f"a request of the DHT of no known kind: {kind}")
        put_peers(answer.closerPeers, self._near(peer, key, with_target=kind == Message.FIND_NODE))
        return answer

    def _near(self, asker: ID, key: bytes, *, with_target: bool) -> Found:
        now = trio.current_time()
        if now >= self._learned_at + _LEARN_EVERY_S:
            self._learned_at = now
            self._asking.learn()
        near = self._table.nearest(key)
        target = id_of(key) if with_target else None
        if target is not None and target not in near and self._dialler.is_connected(target):
            near = {target: self._dialler.endpoints_of(target), **near}
        near.pop(asker, None)
        return near

    def _add_provider(self, peer: ID, request: Message) -> None:
        """Keep a provider. A peer can name only itself as provider."""
        told = peers_in(request.providerPeers, 1, self._dialler.reach_to(peer))
        if told.get(peer):
            self.providers.add(request.key, peer, told[peer])

    def _put(self, request: Message) -> Message:
        record = request.record
        if record.key != request.key or not under(self._namespace, request.key):
            raise ValueError("a value is under another namespace than this node's")
        if not 0 < len(record.value) <= LARGEST_VALUE:
            raise ValueError("a value is empty, or too large")
        self.values.put(record.key, record.value)
        return Message(type=Message.PUT_VALUE, key=request.key, record=record)
