"""The router: no limits that lose traffic, and own messages to every subscriber that is connected."""

from __future__ import annotations

from typing import Any

from libp2p.pubsub.gossipsub import PROTOCOL_ID, PROTOCOL_ID_V11, PROTOCOL_ID_V12, GossipSub
from libp2p.pubsub.pb import rpc_pb2

__all__ = ["open_router"]

_DONT_WANT_BYTES = 1_024
"""From this size on the mesh is told that it need not send a message here, as Go does it."""


class _OpenRouter(GossipSub):
    """Stock sends own messages to the mesh only, which may be empty: they went to nobody, silently.

    It drops what is beyond ten messages a second, own ones too: 10 of 500 arrived. And it puts the
    signed record of the own addresses into every message, a quarter of the CPU.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.dropped = 0
        """Messages that a peer's queue had no room for."""

    def _handle_dropped_rpc(self, peer_id: Any, rpc: Any, reason: str) -> None:
        self.dropped += len(rpc.publish)
        super()._handle_dropped_rpc(peer_id, rpc, reason)

    async def publish(self, msg_forwarder: Any, pubsub_msg: Any) -> None:
        self.mcache.put(pubsub_msg)
        pubsub, topics = self.pubsub, pubsub_msg.topicIDs
        message_id = pubsub_msg.from_id + pubsub_msg.seqno
        if msg_forwarder == pubsub.my_id:
            wanted = {peer for topic in topics for peer in pubsub.peer_topics.get(topic, ())}
        else:
            origin = pubsub.signer_of(pubsub_msg)
            wanted = set(self._get_peers_to_send(topics, msg_forwarder, origin, message_id))
            if len(pubsub_msg.data) >= _DONT_WANT_BYTES:
                await self._emit_idontwant_for_message(message_id, topics)
        rpc = rpc_pb2.RPC(publish=[pubsub_msg])
        for peer in wanted:
            if peer in pubsub.peers:
                self.send_rpc(peer, rpc)


def open_router() -> Any:
    """A router whose heartbeat stays at a second, and whose mesh takes several peers of one address.

    Stock stretches the heartbeat to a minute, and wants three different addresses in a mesh.
    """
    return _OpenRouter(
        protocols=[PROTOCOL_ID_V12, PROTOCOL_ID_V11, PROTOCOL_ID],
        degree=6,
        degree_low=5,
        degree_high=12,
        heartbeat_interval=1,
        adaptive_gossip_enabled=False,
        eclipse_protection_enabled=False,
    )
