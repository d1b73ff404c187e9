"""Every buffer of a node is bounded in bytes, and holds one message however large it is."""

from __future__ import annotations

import time

from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.rpc_queue import RpcQueue

from dms_events_libp2p.node.arrivals import Arrived
from dms_events_libp2p.receiving import Gossip, GossipReceiver
from dms_events_libp2p.workarounds.queues import Queues

TOPIC = "dms/events/elk_stats.ServiceCall"


def arrived(size: int) -> Arrived:
    data = b"x" * (size - len(TOPIC))
    return Arrived(TOPIC, "signer", 1, data, time.time_ns(), None, False)


async def test_a_reader_holds_so_many_bytes() -> None:
    gossip = Gossip("dms/events/")
    receiver = GossipReceiver(gossip, frozenset({"elk_stats.ServiceCall"}), 100, most_bytes=1_000)
    gossip.receivers.add(receiver)
    for size in (5_000, 50, 600, 600, 400):
        gossip.take(arrived(size))
    held = receiver.pop()
    assert held is not None
    assert held.size == 5_000
    assert (receiver.pop(), receiver.drops.count) == (None, 4)
    for size in (600, 600, 400):
        gossip.take(arrived(size))
    sizes = [delivery.size for delivery in iter(receiver.pop, None)]
    assert (sizes, receiver.drops.count) == ([600, 400], 5)


async def test_a_reader_counts_what_the_event_loop_did_not_take_of_its_types() -> None:
    gossip = Gossip("dms/events/")
    receiver, other = (
        GossipReceiver(gossip, frozenset({name}), 100, most_bytes=1_000)
        for name in ("elk_stats.ServiceCall", "elk_stats.NewService")
    )
    gossip.receivers |= {receiver, other}
    for missed in (2, 0, 3):
        for _ in range(missed):
            gossip.miss(arrived(50))
        gossip.take(arrived(50))
    assert (receiver.drops.count, other.drops.count) == (5, 0)
    assert len(list(iter(receiver.pop, None))) == 3


def test_a_peer_has_a_queue_of_so_many_bytes() -> None:
    queues = Queues(largest=1 << 20, most_bytes=1_000)
    queue = queues["peer"] = RpcQueue()

    def rpc(size: int) -> rpc_pb2.RPC:
        return rpc_pb2.RPC(publish=[rpc_pb2.Message(data=b"x" * size)])

    assert queue.push(rpc(5_000))
    assert not queue.push(rpc(1))
    assert queue._queue.pop() is not None
    assert [queue.push(rpc(size)) for size in (600, 600, 300)] == [True, False, True]
    assert queue._queue.pop() is not None
    assert queue.push(rpc(600))
