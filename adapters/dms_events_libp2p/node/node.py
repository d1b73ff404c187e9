"""One libp2p node with gossipsub. All of it runs on the trio side of the bridge."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import trio
from libp2p import new_host
from libp2p.network.config import ConnectionConfig
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

from dms_events.envelope import read_envelope
from dms_events.errors import ConfigError

from ..addresses import Announced
from ..peers import Neighbours
from ..settings import NodeSettings
from ..state import Seqnos, StateDir
from ..workarounds import (
    HANDSHAKE_S,
    Admission,
    GuardedPubsub,
    Trimming,
    admit,
    bound_bytes,
    check_free,
    guard_handshakes,
    guard_streams,
    hold_tasks,
    listen_whole,
    open_router,
    permit_dials,
    socket_closer,
)
from .arrivals import Arrivals, Arrived
from .lives import lives
from .room import Room
from .streams import Served, Streams

__all__ = ["NoPeersError", "Node", "Progress"]

_BURST = 16
_BURST_S = 0.012
"""A Go peer's validation queue has 32 places. A message that finds it full is lost there, silently."""
_STUCK_S = 1.0
_POLL_S = 0.002
_CLOSE_S = 2.0
_ANNOUNCE_S = 10.0

# Without a handler, Python writes the library's warnings to standard error.
logging.getLogger("libp2p").addHandler(logging.NullHandler())


class NoPeersError(Exception):
    """No connected peer subscribes to the topic of the next message."""


class Progress:
    """Counts the messages of a call that were handed to peers. It is read if the call is cut off."""

    sent = 0


class Node:
    """A libp2p node. Make it in any thread; `run`, `publish` and `join` belong to the trio side."""

    def __init__(self, settings: NodeSettings, take: Callable[[Arrived], None]) -> None:
        self._settings = settings
        self.arrivals = Arrivals(settings, take)
        self.admission = Admission(
            settings.peer_id, settings.per_address, settings.refuse_s, settings.acl
        )
        self._listen = [Multiaddr(text) for text in settings.listen]
        self._topics: list[str] = []
        self._served: dict[str, Served] = {}
        self.addresses: list[str] = []
        self._slow: set[Any] = set()
        self._published = False

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Listen, join the network, and connect to the bootstrap peers that can be reached."""
        folder = self._settings.state_dir
        with StateDir(folder) if folder else nullcontext() as state:
            self.seqnos = Seqnos(state)
            try:
                async with lives(lambda: self._life(state)):
                    yield
            finally:
                self.seqnos.close(self.seqnos.last)

    @asynccontextmanager
    async def _life(self, state: StateDir | None) -> AsyncIterator[None]:
        settings = self._settings
        for address in self._listen:
            try:
                check_free(address)
            except OSError as error:
                reason = f"cannot listen on {address}: {error.strerror}"
                raise ConfigError("listen_address", reason) from error
        self._pace = trio.Lock()
        self.host = new_host(
            key_pair=settings.key_pair,
            # py-libp2p itself dials every peer that it hears of, up to the mean of its watermarks.
            connection_config=ConnectionConfig(
                max_connections=2 * settings.most_connections,
                high_watermark=0,
                low_watermark=0,
                min_connections=0,
                inbound_upgrade_timeout=HANDSHAKE_S,
                outbound_upgrade_timeout=HANDSHAKE_S,
            ),
            addrs_factory=Announced(settings.announce),
        )
        listen_whole(self.host.get_network())
        guard_streams(self.host)
        bound_bytes(self.host.get_network(), settings.most_queued)
        close_sockets = socket_closer(self.host.get_network())
        admit(self.host.get_network(), self.admission)
        permit_dials(self.host.get_network(), self.admission)
        key = settings.swarm_key.raw if settings.swarm_key else None
        guard_handshakes(self.host.get_network(), self.admission, key)
        self.neighbours = Neighbours(self.host, settings, self.admission, state)
        self.router = open_router(self.neighbours.offer)
        self.pubsub = GuardedPubsub(
            self.host,
            self.router,
            largest=settings.largest,
            most_queued=settings.most_queued,
            last_seqno=self.seqnos.last,
            admission=self.admission,
            windows=self.seqnos.windows,
            drop_below_window=settings.drop_below_window,
            read=read_envelope,
            on_message=self.arrivals.accept,
        )
        self.requests_room = Room(settings.most_queued)
        self.trimming = Trimming(
            self.pubsub,
            most=settings.most_connections,
            grace_s=settings.grace_period_s,
            is_kept=self.neighbours.is_kept,
        )
        for service in (self.host.get_network(), self.pubsub, self.router):
            hold_tasks(service)
        try:
            async with (
                self.host.run(self._listen),
                background_trio_service(self.pubsub),
                background_trio_service(self.router),
                trio.open_nursery() as tasks,
            ):
                await self.pubsub.wait_until_ready()
                self._listen = self.host.get_transport_addrs()  # with the port chosen for port 0
                self.addresses = [str(address) for address in self.host.get_addrs()]
                self.streams = Streams(
                    self.host,
                    tasks,
                    self.neighbours,
                    self.requests_room,
                    self.pubsub.strike,
                    self._served,
                )
                tasks.start_soon(self.neighbours.run)
                tasks.start_soon(self.trimming.run)
                tasks.start_soon(self._announce)
                tasks.start_soon(self.pubsub.watch_streams)
                tasks.start_soon(self.seqnos.keep, lambda: self.pubsub.counter)
                await self.join(self._topics)
                try:
                    yield
                finally:
                    tasks.cancel_scope.cancel()
                    # Leaving `run` alone would keep the connections open.
                    with trio.move_on_after(_CLOSE_S, shield=True):
                        await self.host.close()
        finally:
            await close_sockets()
            self.pubsub.seen_messages.stop()  # a thread
            self.seqnos.last = self.pubsub.counter

    async def flush(self) -> None:
        """Wait until the peers have read all sent messages. A peer that does not answer is left out."""
        if self._published or self.streams.answered:
            await self.neighbours.flush()

    async def _announce(self) -> None:
        while True:
            await trio.sleep(_ANNOUNCE_S)
            self.pubsub.announce()

    async def join(self, topics: Sequence[str]) -> None:
        """Subscribe to topics, for as long as the node runs.

        The node leaves no topic: leaving sends PRUNE, and peers then refuse the node there for up to a
        minute.
        """
        self._topics = [*dict.fromkeys([*self._topics, *topics])]
        for topic in topics:
            if topic not in self.pubsub.topic_ids:
                await self.pubsub.subscribe(topic)

    async def publish(
        self, messages: Sequence[tuple[str, bytes]], wait_s: float, progress: Progress
    ) -> None:
        """Hand messages, each with its topic, to the peers that subscribe to it, in order.

        Raises:
            NoPeersError: no connected peer subscribes, and none did within ``wait_s``.
        """
        for begin in range(0, len(messages), _BURST):
            async with self._pace:
                await self._publish_burst(messages[begin : begin + _BURST], wait_s, progress)

    async def _publish_burst(
        self, burst: Sequence[tuple[str, bytes]], wait_s: float, progress: Progress
    ) -> None:
        begun = trio.current_time()
        for topic, data in burst:
            await self._wait_for_peers(topic, wait_s)
            await self.pubsub.publish(topic, data)
            progress.sent += 1
            self._published = True
        await self._written()
        await trio.sleep_until(begun + _BURST_S * len(burst) / _BURST)

    async def _wait_for_peers(self, topic: str, wait_s: float) -> None:
        deadline = trio.current_time() + wait_s
        while True:
            if self.peers_on(topic):
                return
            if trio.current_time() >= deadline:
                raise NoPeersError(topic)
            await trio.sleep(_POLL_S)

    async def _written(self) -> None:
        """Wait until all queues are empty, except those of peers that took nothing for a second."""
        queues = self.pubsub.peer_queues
        with trio.move_on_after(_STUCK_S):
            while True:
                if not any(len(q) and peer not in self._slow for peer, q in queues.items()):
                    break
                await trio.sleep(_POLL_S)
        self._slow = {peer for peer, queue in queues.items() if len(queue)}

    def peers_on(self, topic: str) -> int:
        """Return how many peers a message on this topic would be sent to."""
        peers = self.pubsub.peers
        return sum(peer in peers for peer in self.pubsub.peer_topics.get(topic, ()))

    async def ping(self, peer: str, addresses: list[str], timeout_s: float) -> int | None:
        """See `Peering.ping`."""
        return await self.neighbours.ping(peer, addresses, timeout_s)

    def latency_s(self, peer: Any) -> float | None:
        """The last round trip to a peer, in seconds; None before the first."""
        return self.neighbours.latency_s(peer)
