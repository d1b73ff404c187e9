"""A bus and a Go peer: until they have met, and events both ways."""

from __future__ import annotations

import socket

from dms_events import Bus, codec
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import collect, event_calls
from tests.kit.go.libp2p import GoNode

from .buses import eventually

__all__ = ["both_ways", "free_port", "met"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def met(bus: Bus, node: GoNode) -> None:
    """Until each knows that the other one listens to the topic."""
    own = bus.transport.peer_id
    await node.wait("joined", 1, lambda event: event["peer"] == own)
    topics = bus.transport._node.pubsub.peer_topics

    def known() -> bool:
        return node.peer in map(str, list(topics.get("dms/events/elk_stats.ServiceCall", ())))

    await eventually(known)


async def both_ways(bus: Bus, node: GoNode) -> None:
    """Five events each way, with their source."""
    before = len(node.of("message"))
    async with bus.subscribe(ServiceCall) as messages:
        await bus.publish_many(event_calls(5))
        told = (await node.wait("message", before + 5))[before:]
        assert {event["from"] for event in told} == {bus.transport.peer_id}
        read = [codec.decode(event["json"].encode(), ServiceCall) for event in told]
        assert {event.call_id for event in read} == {0.0, 1.0, 2.0, 3.0, 4.0}
        node.publish(5)
        arrived = await collect(messages, 5, within_s=60)
        assert {m.source for m in arrived} == {node.peer}
        assert {m.event.status for m in arrived} == {"from Go"}
        assert not any(m.envelope.id for m in arrived)
        assert len({m.id for m in arrived}) == 5
