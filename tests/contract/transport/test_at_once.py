"""Many who publish at once through one bus."""

from __future__ import annotations

import asyncio

import pytest

from dms_events import Bus
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import call, collect


@pytest.mark.direct
async def test_what_a_thousand_tasks_publish_is_there_once(bus: Bus) -> None:
    async with bus.subscribe(ServiceCall) as messages:
        ids = await asyncio.gather(*(bus.publish(call(number)) for number in range(1_000)))
        arrived = await collect(messages, 1_000)
    assert sorted(m.id for m in arrived) == sorted(ids)


async def test_what_threads_hand_to_the_loop_of_the_bus_is_there_once(bus: Bus) -> None:
    loop = asyncio.get_running_loop()

    def publish(thread: int) -> list[str]:
        numbers = range(100 * thread, 100 * thread + 20)
        return [
            asyncio.run_coroutine_threadsafe(bus.publish(call(number)), loop).result(20)
            for number in numbers
        ]

    async with bus.subscribe(ServiceCall) as messages:
        ids = await asyncio.gather(*(asyncio.to_thread(publish, thread) for thread in range(8)))
        arrived = await collect(messages, 160)
    assert sorted(m.id for m in arrived) == sorted(id for some in ids for id in some)
