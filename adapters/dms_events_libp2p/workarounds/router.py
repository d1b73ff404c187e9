"""The router: no limits that lose traffic, and own messages to every subscriber that is connected."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from libp2p.peer.envelope import consume_envelope
from libp2p.peer.peerinfo import PeerInfo
from libp2p.pubsub.gossipsub import PROTOCOL_ID, PROTOCOL_ID_V11, PROTOCOL_ID_V12, GossipSub
from libp2p.pubsub.pb import rpc_pb2

__all__ = ["open_router"]

_DONT_WANT_BYTES = 1_024
"""From this size on, this node tells its mesh not to send it a message again, as Go does."""
_MOST_NAMED = 16
_RECORD = "libp2p-peer-record"

Named = Callable[[Any, Sequence[PeerInfo]], object]


class _OpenRouter(GossipSub):
    """Sends own messages to every connected subscriber, without a limit of messages a second.

    py-libp2p sends own messages to the mesh only. If the mesh is empty, they go to nobody, silently. It
    also drops messages beyond ten a second, own ones too: 10 of 500 arrived. And it puts the signed
    record of its addresses into every message, which takes a quarter of the CPU.

    ``on_named`` gets a peer that prunes this node, and the peers that it names, with addresses that those
    peers signed.
    """

    def __init__(self, on_named: Named, **options: Any) -> None:
        super().__init__(**options)
        self._on_named = on_named
        self.dropped = 0
        """Messages for which a peer's queue had no room."""

    def _handle_dropped_rpc(self, peer_id: Any, rpc: Any, reason: str) -> None:
        self.dropped += len(rpc.publish)
        super()._handle_dropped_rpc(peer_id, rpc, reason)

    def remove_peer(self, peer_id: Any) -> None:
        """Forget the back-off of a peer too. py-libp2p keeps it, and refuses a peer that comes back."""
        super().remove_peer(peer_id)
        for peers in self.back_off.values():
            peers.pop(peer_id, None)

    async def _emit_control_msgs(
        self,
        peers_to_graft: Mapping[Any, Sequence[str]],
        peers_to_prune: Mapping[Any, Sequence[str]],
        peers_to_gossip: Mapping[Any, Mapping[str, Sequence[bytes]]],
    ) -> None:
        """Send each peer its own control messages, and name other peers to a pruned peer.

        py-libp2p also sends a peer the messages for the peers before it, and names nobody to a pruned
        peer. So a node that knows two full hubs only stayed alone.
        """
        for peer in {*peers_to_graft, *peers_to_prune, *peers_to_gossip}:
            control = rpc_pb2.ControlMessage(
                graft=[rpc_pb2.ControlGraft(topicID=t) for t in peers_to_graft.get(peer, ())],
                prune=[self._prune(topic, peer) for topic in peers_to_prune.get(peer, ())],
                ihave=[
                    rpc_pb2.ControlIHave(topicID=topic, messageIDs=ids)
                    for topic, ids in peers_to_gossip.get(peer, {}).items()
                ],
            )
            await self.emit_control_message(control, peer)

    def _prune(self, topic: str, pruned: Any) -> Any:
        """Return a PRUNE with the signed addresses of other subscribers of the topic."""
        prune = rpc_pb2.ControlPrune(topicID=topic, backoff=self.prune_back_off)
        others = [peer for peer in self.pubsub.peer_topics.get(topic, ()) if peer != pruned]
        for peer in random.sample(others, min(len(others), _MOST_NAMED)):
            record = self.pubsub.host.get_peerstore().get_peer_record(peer)
            if record is not None:
                envelope = record.marshal_envelope()
                prune.peers.add(peerID=peer.to_bytes(), signedPeerRecord=envelope)
        return prune

    async def handle_prune(self, prune_msg: Any, sender_peer_id: Any) -> None:
        """Dial the named peers aside. py-libp2p reads nothing from the sender while it dials them."""
        named = []
        for peer in prune_msg.peers[:_MOST_NAMED]:
            if peer.signedPeerRecord:
                _, record = consume_envelope(peer.signedPeerRecord, _RECORD)
                named.append(PeerInfo(record.peer_id, record.addrs))
        self._on_named(sender_peer_id, named)
        bare = rpc_pb2.ControlPrune(topicID=prune_msg.topicID, backoff=prune_msg.backoff)
        await super().handle_prune(bare, sender_peer_id)

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


def open_router(on_named: Named) -> Any:
    """Return a router with a heartbeat of one second, and a mesh that takes several peers of one address.

    py-libp2p stretches the heartbeat to a minute, and wants three different addresses in a mesh.
    """
    return _OpenRouter(
        on_named,
        protocols=[PROTOCOL_ID_V12, PROTOCOL_ID_V11, PROTOCOL_ID],
        degree=6,
        degree_low=5,
        degree_high=12,
        heartbeat_interval=1,
        adaptive_gossip_enabled=False,
        eclipse_protection_enabled=False,
    )
