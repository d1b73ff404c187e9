"""A server that dies while something is published, at a message and not at a time."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from signal import SIGKILL

from dms_events import Bus, OutgoingMessage
from dms_events_nats import NatsServer

__all__ = ["publish_over_a_kill"]


async def publish_over_a_kill(
    bus: Bus, messages: Sequence[OutgoingMessage], server: NatsServer
) -> None:
    """Publish the messages; the server is killed before the one in the middle, and started again.

    The kill is a step of taking that message. So it is never too late, however fast the publisher is.
    """
    killed = asyncio.Event()

    def over() -> Iterator[OutgoingMessage]:
        for number, message in enumerate(messages):
            if number == len(messages) // 2:
                os.kill(server.pid, SIGKILL)
                killed.set()
            yield message

    async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(bus.publish_many(over()))
        await killed.wait()
        await server.kill()
        assert not publishing.done()
        await server.start()
    assert publishing.result() == len(messages)
