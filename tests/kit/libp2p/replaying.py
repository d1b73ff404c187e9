"""A node that sends again what others signed, and a reader for which two minutes have passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from libp2p.pubsub.pb import rpc_pb2

from dms_events import Bus

__all__ = ["forget", "pass_on"]


async def pass_on(carrier: Bus, messages: Sequence[Any]) -> None:
    """Send messages that others signed, as a relay or a replayer does."""
    node = carrier.transport._node

    async def send() -> None:
        for begin in range(0, len(messages), 50):
            rpc = rpc_pb2.RPC(publish=messages[begin : begin + 50])
            for peer in node.pubsub.peers:
                node.router.send_rpc(peer, rpc)

    await carrier.transport._bridge.call(send)


def forget(reader: Bus) -> None:
    """Empty the cache of the messages of the last two minutes, as two minutes do."""
    reader.transport._node.pubsub.seen_messages.cache.clear()
