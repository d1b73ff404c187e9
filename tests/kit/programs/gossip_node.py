"""A libp2p node that publishes five events and says what it hears, until it is killed.

Arguments: the multiaddr of a peer, the file of the key, and the state folder.
"""

from __future__ import annotations

import asyncio
import sys

import dms_events
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import event_calls


async def main(peer: str, key_file: str, state_dir: str) -> None:
    async with (
        dms_events.connect(
            "libp2p://127.0.0.1:0",
            bootstrap_peers=[peer],
            key_file=key_file,
            state_dir=state_dir,
            wait_for_peers_s=30,
        ) as bus,
        bus.subscribe(ServiceCall) as messages,
    ):
        await bus.publish_many(event_calls(5))
        async for message in messages:
            print("heard", message.id, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
