"""What this library does with tasks."""

from __future__ import annotations

import asyncio

from dms_events.aio import cancelled


async def test_a_task_that_misses_its_cancellation_is_cancelled_again() -> None:
    answer: asyncio.Future[None] = asyncio.Future()

    async def asking() -> None:
        # With the answer at hand `wait_for` returns it, though the task is cancelled (Python 3.11).
        await asyncio.wait_for(answer, 10)
        await asyncio.sleep(60)

    task = asyncio.create_task(asking())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(answer.set_result, None)
    async with asyncio.timeout(5):
        await asyncio.sleep(0)
        await cancelled(task)
    assert task.done()
