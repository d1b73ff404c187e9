"""Closes connections beyond the limit after their grace period, those of strangers first."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import trio

__all__ = ["Trimming"]

_log = logging.getLogger("dms_events")
_LOOK_S = 1.0
_CLOSE_S = 1.0


class Trimming:
    """Closes connections beyond ``most`` that are older than the grace period.

    Connections of peers that share no topic with this node go first, and of equals the one that came
    last. Peers in a mesh stay, and those for which ``is_kept`` is true. py-libp2p closes no connection
    that has a stream, and each connection has the stream of gossip.
    """

    def __init__(
        self, pubsub: Any, *, most: int, grace_s: float, is_kept: Callable[[Any], bool]
    ) -> None:
        self._pubsub = pubsub
        self._swarm = pubsub.host.get_network()
        self._most = most
        self._grace_s = grace_s
        self._is_kept = is_kept
        self._since: dict[Any, float] = {}
        self.closed = 0

        async def prune_nothing() -> None:
            return

        self._swarm.connection_pruner.maybe_prune_connections = prune_nothing
        # The library's own dialling is off. Its notes would grow with each peer that ever came.
        self._swarm.auto_connector.record_disconnect = lambda peer: None

    async def run(self) -> None:
        """Close connections each second, for as long as the node runs."""
        while True:
            await trio.sleep(_LOOK_S)
            await self._trim()

    async def _trim(self) -> None:
        now, connections = trio.current_time(), self._swarm.get_connections()
        self._since = {each: self._since.get(each, now) for each in connections}
        excess = len(connections) - self._most
        if excess <= 0:
            return
        for connection in self._in_order(now)[:excess]:
            self.closed += 1
            _log.info(
                "peer %s is disconnected: there are too many connections",
                connection.muxed_conn.peer_id,
            )
            with trio.move_on_after(_CLOSE_S), suppress(Exception):
                await connection.close()

    def _in_order(self, now: float) -> list[Any]:
        meshed = set().union(*self._pubsub.router.mesh.values())
        topics = self._pubsub.peer_topics
        sharing = set().union(*(topics.get(topic, ()) for topic in self._pubsub.topic_ids))

        def may_go(connection: Any) -> bool:
            peer = connection.muxed_conn.peer_id
            ripe = now - self._since[connection] >= self._grace_s
            return ripe and peer not in meshed and not self._is_kept(peer)

        def order(connection: Any) -> tuple[bool, float]:
            return connection.muxed_conn.peer_id in sharing, -self._since[connection]

        return sorted(filter(may_go, self._since), key=order)
