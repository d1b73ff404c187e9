"""A node straight on py-libp2p: as its examples show it, or with the fixes that it needs."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from multiaddr import Multiaddr

from libp2p import new_host
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub.gossipsub import PROTOCOL_ID, PROTOCOL_ID_V11, PROTOCOL_ID_V12, GossipSub
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub
from libp2p.tools.anyio_service import background_trio_service

__all__ = ["MinimalNode"]

_BURST = 16
_BURST_S = 0.012
_PROTOCOLS = [PROTOCOL_ID_V12, PROTOCOL_ID_V11, PROTOCOL_ID]

logging.getLogger("libp2p").addHandler(logging.NullHandler())


class _Buffered:
    """Reads large pieces; stock reads a length byte by byte, and yamux answers each with a frame."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._buffer = bytearray()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    async def read(self, size: int) -> bytes:
        if not self._buffer:
            self._buffer += await self._stream.read(65_536)
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


class _DeepQueues(dict[Any, Any]):
    """Queues for more than the 32 messages of stock."""

    def __setitem__(self, peer: Any, queue: Any) -> None:
        queue._queue.max_size = 4_096
        super().__setitem__(peer, queue)


class _FixedPubsub(Pubsub):
    def __init__(self, host: Any, router: Any, on_message: Callable[[bytes], object]) -> None:
        super().__init__(host, router, validation_cache_size=1)
        self.counter = time.time_ns()
        self.peer_queues = _DeepQueues()
        self._on_message = on_message
        self._keys: dict[bytes, Any] = {}

    async def continuously_read_stream(self, stream: Any) -> None:
        await super().continuously_read_stream(_Buffered(stream))

    async def push_msg(self, msg_forwarder: Any, msg: Any) -> None:
        message_id = msg.from_id + msg.seqno
        if self.seen_messages.has(message_id):
            return
        if msg_forwarder != self.my_id and not self._is_signed(msg):
            return
        self.seen_messages.add(message_id)
        self._on_message(msg.data)
        await self.router.publish(msg_forwarder, msg)

    def _is_signed(self, msg: Any) -> bool:
        key = self._keys.get(msg.from_id)
        if key is None:
            key = self._keys[msg.from_id] = ID(msg.from_id).extract_public_key()
        bare = rpc_pb2.Message(
            data=msg.data, topicIDs=msg.topicIDs, from_id=msg.from_id, seqno=msg.seqno
        )
        signed: bool = key.verify(b"libp2p-pubsub:" + bare.SerializeToString(), msg.signature)
        return signed


class _FixedRouter(GossipSub):
    """Stock, but for the signed record of the own addresses in every message: a quarter of its CPU."""

    async def publish(self, msg_forwarder: Any, pubsub_msg: Any) -> None:
        self.mcache.put(pubsub_msg)
        topics, message_id = pubsub_msg.topicIDs, pubsub_msg.from_id + pubsub_msg.seqno
        await self._emit_idontwant_for_message(message_id, topics)
        rpc, origin = rpc_pb2.RPC(publish=[pubsub_msg]), ID(pubsub_msg.from_id)
        for peer in self._get_peers_to_send(topics, msg_forwarder, origin, message_id):
            self.send_rpc(peer, rpc)

    async def emit_control_message(self, control_msg: Any, to_peer: Any) -> None:
        self.send_rpc(to_peer, rpc_pb2.RPC(control=control_msg), priority=True)


class MinimalNode:
    """A trio program in a thread; ``on_message`` is called there with the bytes of each message."""

    def __init__(self, topic: str, on_message: Callable[[bytes], object], *, fixed: bool) -> None:
        self._topic = topic
        self._on_message = on_message
        self._fixed = fixed

    @asynccontextmanager
    async def run(self, *peers: str) -> AsyncIterator[MinimalNode]:
        """Listen, subscribe, and be connected to these peers."""
        ready = threading.Event()
        thread = threading.Thread(target=trio.run, args=(self._main, peers, ready))
        thread.start()
        await asyncio.to_thread(ready.wait)
        try:
            yield self
        finally:
            await self.call(self._end)
            await asyncio.to_thread(thread.join)

    async def call(self, function: Callable[..., Awaitable[object]], *args: object) -> None:
        await asyncio.to_thread(trio.from_thread.run, function, *args, trio_token=self._token)

    async def publish(self, payloads: Sequence[bytes]) -> None:
        """In bursts that a Go peer takes, until all are written."""
        await self.call(self._publish, payloads)

    async def _main(self, peers: Sequence[str], ready: threading.Event) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._ended = trio.Event()
        self.host = new_host()
        self.router, self.pubsub = self._with_fixes() if self._fixed else self._as_shown()
        async with (
            self.host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]),
            background_trio_service(self.pubsub),
            background_trio_service(self.router),
            trio.open_nursery() as tasks,
        ):
            await self.pubsub.wait_until_ready()
            subscription = await self.pubsub.subscribe(self._topic)
            if not self._fixed:
                tasks.start_soon(self._read, subscription)
            for peer in peers:
                await self.host.connect(info_from_p2p_addr(Multiaddr(peer)))
            [self.address] = map(str, self.host.get_addrs())
            ready.set()
            await self._ended.wait()
            tasks.cancel_scope.cancel()
            await self.host.close()
        self.pubsub.seen_messages.stop()

    def _as_shown(self) -> tuple[Any, Any]:
        router = GossipSub(protocols=_PROTOCOLS, degree=6, degree_low=5, degree_high=12)
        return router, Pubsub(self.host, router, strict_signing=True)

    def _with_fixes(self) -> tuple[Any, Any]:
        router = _FixedRouter(
            protocols=_PROTOCOLS,
            degree=6,
            degree_low=5,
            degree_high=12,
            heartbeat_interval=1,
            adaptive_gossip_enabled=False,
            spam_protection_enabled=False,
            eclipse_protection_enabled=False,
        )
        return router, _FixedPubsub(self.host, router, self._on_message)

    async def _read(self, subscription: Any) -> None:
        while True:
            self._on_message((await subscription.get()).data)

    async def _end(self) -> None:
        self._ended.set()
        await trio.lowlevel.checkpoint()

    async def _publish(self, payloads: Sequence[bytes]) -> None:
        while not self.pubsub.peer_topics.get(self._topic):  # noqa: ASYNC110
            await trio.sleep(0.01)
        for begin in range(0, len(payloads), _BURST):
            begun = trio.current_time()
            for payload in payloads[begin : begin + _BURST]:
                await self.pubsub.publish(self._topic, payload)
            while any(map(len, self.pubsub.peer_queues.values())):  # noqa: ASYNC110
                await trio.sleep(0.002)
            await trio.sleep_until(begun + _BURST_S)
