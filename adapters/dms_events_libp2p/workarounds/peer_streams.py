"""The gossip streams of each peer: one each way on a live connection, or the peer is disconnected."""

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
    """The pubsub of py-libp2p; it keeps the subscriptions of a peer that has a stream to this node.

    py-libp2p treats the end of any stream of a peer as the end of the present ones. If a new connection
    quickly follows an old one, py-libp2p may know no subscriber, or write where nobody reads, for good.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._inbound: defaultdict[Any, set[Any]] = defaultdict(set)
        self._one_way_since: dict[Any, float] = {}

    def inbound_begins(self, stream: Any) -> None:
        """Note a stream that a peer has opened. The peer names its topics first on it."""
        self._inbound[stream.muxed_conn.peer_id].add(stream)

    def inbound_ends(self, stream: Any) -> None:
        """Forget a stream of a peer, and with its last stream its subscriptions."""
        peer = stream.muxed_conn.peer_id
        self._inbound[peer].discard(stream)
        if not self._inbound[peer]:
            del self._inbound[peer]
            self._forget_all_subscriptions(peer)

    async def watch_streams(self) -> None:
        """Open missing streams, and disconnect peers with a stream one way only. Runs with the node."""
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
                    _log.info(
                        "peer %s is disconnected, to connect again: it gossips one way only", peer
                    )
                    self.manager.run_task(self._leave, peer)

    async def handle_dead_peer_queue(self) -> None:
        """Look at each peer of an ended stream. py-libp2p keeps it if the next connection has begun."""
        async with self.dead_peer_receive_channel:
            self.event_handle_dead_peer_queue_started.set()
            async for peer in self.dead_peer_receive_channel:
                self._look(peer)

    def _look(self, peer: Any) -> None:
        """Look at a peer. No exception ends the loops that call this, which would end the node."""
        try:
            self._look_at(peer)
        except Exception as error:  # noqa: BLE001
            _log.error("the gossip streams of peer %s could not be checked", peer, exc_info=error)

    def _look_at(self, peer: Any) -> None:
        """Drop a dead stream to a peer, and open another one if the peer is connected."""
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
        """Look at a peer when any of its streams ends, a present stream or an earlier one."""
        self._clear_pending_announce_retries_for_peer(peer_id)
        self._look(peer_id)

    async def _leave(self, peer: Any) -> None:
        with suppress(Exception):
            await self.host.disconnect(peer)

    async def _replay_recent_messages(self, peer_id: Any, topic: str) -> None:
        """Do nothing. py-libp2p sends a new subscriber the messages of the last seconds, and Go does not.

        A node that restarts would get messages again that it had before.
        """

    def announce(self) -> None:
        """Send the topics again. A peer that notices the end of an old connection late forgets them.

        Go forgets them too, if it was frozen or came back, and neither library sends them twice.
        """
        packet = rpc_pb2.RPC()
        for topic in self.topic_ids:
            packet.subscriptions.add(subscribe=True, topicid=topic)
        for peer in self.peers:
            self.router.send_rpc(peer, packet, priority=True)
