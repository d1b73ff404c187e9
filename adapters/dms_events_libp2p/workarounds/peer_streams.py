"""The gossip streams of each peer: one each way on a live connection, or the peer is left."""

from __future__ import annotations

import logging
from collections import defaultdict
from contextlib import suppress
from typing import Any

import trio
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub

__all__ = ["KeptStreams"]

_log = logging.getLogger("dms_events")
_LOOK_S = 1.0
_PATIENCE_S = 10.0


class KeptStreams(Pubsub):
    """Stock, but: what a peer subscribes to is known for as long as it has a stream to this node.

    Stock takes the end of any stream of a peer for the end of its present ones. When a connection follows
    another quickly, a node that is connected knows of no subscriber then, or writes where nobody
    reads, for good.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._inbound: defaultdict[Any, set[Any]] = defaultdict(set)
        self._one_way_since: dict[Any, float] = {}

    def inbound_begins(self, stream: Any) -> None:
        """A peer has opened a stream, on which it says its topics first."""
        self._inbound[stream.muxed_conn.peer_id].add(stream)

    def inbound_ends(self, stream: Any) -> None:
        """Forget what a peer subscribes to with its last stream."""
        peer = stream.muxed_conn.peer_id
        self._inbound[peer].discard(stream)
        if not self._inbound[peer]:
            del self._inbound[peer]
            self._forget_all_subscriptions(peer)

    async def watch_streams(self) -> None:
        """For as long as the node runs: open what is missing, and leave who has a stream one way only."""
        while True:
            await trio.sleep(_LOOK_S)
            now = trio.current_time()
            gossiping = self._inbound.keys() | self.peers.keys()
            self._one_way_since = {
                peer: since for peer, since in self._one_way_since.items() if peer in gossiping
            }
            for peer in gossiping:
                self._look(peer)
                if peer in self.peers and peer in self._inbound:
                    self._one_way_since.pop(peer, None)
                elif now - self._one_way_since.setdefault(peer, now) >= _PATIENCE_S:
                    del self._one_way_since[peer]
                    _log.info("peer %s is left, to be met anew: it gossips one way only", peer)
                    self.manager.run_task(self._leave, peer)

    async def handle_dead_peer_queue(self) -> None:
        """Stock keeps the stream of a connection that ended, if the next one has begun by then."""
        async with self.dead_peer_receive_channel:
            self.event_handle_dead_peer_queue_started.set()
            async for peer in self.dead_peer_receive_channel:
                self._look(peer)

    def _look(self, peer: Any) -> None:
        """No exception ends the loops that call this, and with them the node."""
        try:
            self._look_at(peer)
        except Exception as error:  # noqa: BLE001
            _log.error("the end of peer %s was not handled", peer, exc_info=error)

    def _look_at(self, peer: Any) -> None:
        """Give up a stream to a peer that leads nowhere, and open another while it is connected."""
        stream = self.peers.get(peer)
        if stream is not None and not self._is_live(stream):
            del self.peers[peer]
            if peer in self.peer_queues:
                self.peer_queues.pop(peer).close()
            self.router.remove_peer(peer)
        if peer not in self.peers and self._peer_is_connected(peer):
            self._schedule_peer_stream_retry(peer)

    def _is_live(self, stream: Any) -> bool:
        muxed, connection = stream.muxed_stream, stream.muxed_conn
        if muxed.send_closed or muxed.closed or muxed.reset_received or connection.is_closed:
            return False
        listed = self.host.get_network().get_connections(connection.peer_id)
        return any(each.muxed_conn is connection for each in listed)

    def _handle_dead_peer(self, peer_id: Any) -> None:
        """Called for any stream of the peer, whether it is one of the present ones or not."""
        self._clear_pending_announce_retries_for_peer(peer_id)
        self._look(peer_id)

    async def _leave(self, peer: Any) -> None:
        with suppress(Exception):
            await self.host.disconnect(peer)

    async def _replay_recent_messages(self, peer_id: Any, topic: str) -> None:
        """Nothing: stock sends a new subscriber the messages of the last seconds, which Go does not.

        A node that restarts would get again what it had before.
        """

    def announce(self) -> None:
        """Say the topics again: a peer that notices the end of an old connection late forgets them.

        Go does so too, with peers that were frozen or came back, and nobody says them twice.
        """
        packet = rpc_pb2.RPC()
        for topic in self.topic_ids:
            packet.subscriptions.add(subscribe=True, topicid=topic)
        for peer in self.peers:
            self.router.send_rpc(peer, packet, priority=True)
