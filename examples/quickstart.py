"""Publish an event and read it back. Needs a NATS server with JetStream, or memory:// instead."""

import asyncio
import sys
import time

import dms_events
from dms_events.types.elk_stats import ServiceStatus


async def main(url: str) -> None:
    async with dms_events.connect(url, source="12D3KooWExample") as bus:
        event = ServiceStatus(
            call_id=1,
            peer_id_of_service_host="12D3KooWExample",
            service_id="inference",
            status="running",
            timestamp=time.time(),
        )
        await bus.publish(event)  # returns once the stream has stored it
        async with bus.subscribe(ServiceStatus, durable="quickstart") as messages:
            async for message in messages:
                print(message.event.status, message.time, message.id)
                await message.ack()  # else it is delivered again
                break


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "nats://127.0.0.1:4222"))
