"""What this library does with tasks."""

from __future__ import annotations

import asyncio

import pytest

from dms_events.aio import TaskSet, cancelled


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


async def test_tasks_of_a_set_are_waited_for_and_end_with_who_waits() -> None:
    tasks, go_on, ended = TaskSet(), asyncio.Event(), list[str]()

    async def work(name: str) -> str:
        try:
            await go_on.wait()
        finally:
            ended.append(name)
        return name

    first = tasks.start(work("first"))
    finishing = asyncio.ensure_future(tasks.finish())
    await asyncio.sleep(0)
    second = tasks.start(work("second"))
    go_on.set()
    await finishing
    assert (await first, await second, len(tasks)) == ("first", "second", 0)

    go_on.clear()
    third = tasks.start(work("third"))
    finishing = asyncio.ensure_future(tasks.finish())
    await asyncio.sleep(0)
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    assert third.cancelled()
    assert sorted(ended) == ["first", "second", "third"]
