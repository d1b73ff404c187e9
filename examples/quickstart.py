"""Publish an event and read it back: `python quickstart.py [URL]`, with memory:// where none is given."""

import asyncio
import sys
import time

import dms_events
from dms_events.types.elk_stats import DeviceStatusChange

ME = "12D3KooWExample"


async def main(url: str) -> None:
    async with dms_events.connect(url, source=ME) as bus:
        online = DeviceStatusChange(peer_id=ME, status="online", timestamp=time.time())
        await bus.publish(online)
        async with bus.subscribe(DeviceStatusChange, durable="watch") as messages:
            async for message in messages:
                print(message.event.status, message.time, message.id)
                await message.ack()
                break


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "memory://"))
