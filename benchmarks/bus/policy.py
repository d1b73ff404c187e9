"""What the worker's retries, memory of identities and quarantine add to a bare subscription."""

from __future__ import annotations

import dms_events
from dms_events.types.elk_stats import ServiceCall

from ..table import Row, Section, in_turns
from .consume import HEADER, filled
from .scene import Clock, Scene

__all__ = ["SECTION"]


async def _bare(scene: Scene) -> float:
    stream = await filled(scene, HEADER)
    left = scene.count

    async def handle(event: ServiceCall) -> None:
        nonlocal left
        left -= 1

    async with scene.bus(HEADER) as bus:
        with Clock(scene.count) as clock:
            async with bus.subscribe(ServiceCall, durable="bare") as messages:
                async for message in messages:
                    await handle(message.event)
                    await message.ack()
                    if not left:
                        break
    await scene.check_settled(stream, "bare")
    return clock.us


async def _worker(scene: Scene) -> float:
    stream = await filled(scene, HEADER)
    worker = dms_events.Worker(durable="worker")
    left = scene.count

    @worker.on(ServiceCall)
    async def handle(event: ServiceCall) -> None:
        nonlocal left
        left -= 1
        if not left:
            worker.stop()

    async with scene.bus(HEADER) as bus:
        with Clock(scene.count) as clock:
            await worker.run(bus)
    await scene.check_settled(stream, "worker")
    return clock.us


SECTION = Section(
    "the worker's policy, JetStream",
    "CPU µs",
    in_turns({"bare": _bare, "worker": _worker}),
    [Row("Worker / async for + handler + ack", "worker", "bare", 1.25, at_most=True)],
)
