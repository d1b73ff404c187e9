"""The bridge: trio in a thread beside asyncio, with calls into it and hand-overs out of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.util import find_spec

import pytest
import trio
import trio.lowlevel

from dms_events.errors import ConnectionLostError
from dms_events_libp2p.bridge import Bridge, Handover

Main = Callable[[], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def nothing() -> AsyncIterator[None]:
    yield


def idle(name: str = "trio-test") -> Bridge:
    return Bridge(nothing, name=name)


def threads(name: str = "trio-test") -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == name]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


async def thread_name(suffix: str = "") -> str:
    await trio.lowlevel.checkpoint()
    return threading.current_thread().name + suffix


async def test_a_call_runs_on_the_trio_side_and_returns_its_result() -> None:
    bridge = idle()
    await bridge.open()
    try:
        assert await bridge.call(thread_name, "!") == "trio-test!"
        many = await asyncio.gather(*(bridge.call(thread_name, f"{n}") for n in range(1_500)))
        assert many == [f"trio-test{n}" for n in range(1_500)]
    finally:
        await bridge.close()
    assert not threads()


async def test_an_exception_of_a_call_is_raised_where_it_was_called() -> None:
    bridge = idle()

    async def broken() -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError("no such thing")

    await bridge.open()
    try:
        with pytest.raises(LookupError, match="no such thing"):
            await bridge.call(broken)
        assert await bridge.call(thread_name) == "trio-test"
    finally:
        await bridge.close()


@pytest.mark.parametrize("by", ["cancel", "timeout"])
async def test_a_cancelled_call_ends_on_the_trio_side_before_its_caller_goes_on(by: str) -> None:
    bridge, begun, ended = idle(), threading.Event(), threading.Event()

    async def lasting() -> None:
        begun.set()
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    await bridge.open()
    try:
        if by == "timeout":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await bridge.call(lasting)
        else:
            calling = asyncio.create_task(bridge.call(lasting))
            await until(begun.is_set)
            calling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calling
        assert ended.is_set()
        assert await bridge.call(thread_name) == "trio-test"
    finally:
        await bridge.close()


async def test_closing_ends_the_calls_that_are_open_and_refuses_others() -> None:
    bridge, begun = idle(), threading.Event()

    async def lasting() -> None:
        begun.set()
        await trio.sleep_forever()

    await bridge.open()
    calling = asyncio.create_task(bridge.call(lasting))
    await until(begun.is_set)
    await bridge.close()
    with pytest.raises(ConnectionLostError):
        await calling
    with pytest.raises(ConnectionLostError):
        await bridge.call(thread_name)
    await bridge.close()
    assert not threads()


async def test_what_cannot_be_entered_is_raised_by_open_and_leaves_no_thread() -> None:
    @asynccontextmanager
    async def broken() -> AsyncIterator[None]:
        raise OSError("the address is in use")
        yield

    bridge = Bridge(broken, name="trio-test")
    with pytest.raises(OSError, match="in use"):
        await bridge.open()
    assert not threads()


async def test_a_cancelled_open_leaves_no_thread() -> None:
    @asynccontextmanager
    async def slow() -> AsyncIterator[None]:
        await trio.sleep_forever()
        yield

    bridge = Bridge(slow, name="trio-test")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await bridge.open()
    assert not threads()


async def test_a_crash_of_the_trio_side_ends_the_open_calls_with_its_reason() -> None:
    ends: list[BaseException | None] = []
    crash, begun = threading.Event(), threading.Event()

    @asynccontextmanager
    async def crashing() -> AsyncIterator[None]:
        async def watch() -> None:
            while True:
                await trio.sleep(0.01)
                if crash.is_set():
                    raise RuntimeError("a task of the library failed")

        async with trio.open_nursery() as tasks:
            tasks.start_soon(watch)
            yield

    async def lasting() -> None:
        begun.set()
        await trio.sleep_forever()

    bridge = Bridge(crashing, name="trio-test", on_end=ends.append)
    await bridge.open()
    calling = asyncio.create_task(bridge.call(lasting))
    await until(begun.is_set)
    crash.set()
    with pytest.raises(ConnectionLostError, match="a task of the library failed") as caught:
        await calling
    assert isinstance(caught.value.__cause__, RuntimeError)
    assert [type(error) for error in ends] == [RuntimeError]
    with pytest.raises(ConnectionLostError):
        await bridge.call(thread_name)
    await bridge.close()
    assert not threads()


def test_the_trio_side_ends_when_the_loop_was_closed_without_it() -> None:
    async def forget() -> None:
        await idle().open()

    asyncio.run(forget())
    [left] = threads()
    left.join(timeout=10)
    assert not left.is_alive()


async def test_two_of_them_run_beside_each_other() -> None:
    bridges = [idle("trio-a"), idle("trio-b")]
    for bridge in bridges:
        await bridge.open()
    names = await asyncio.gather(*(bridge.call(thread_name) for bridge in bridges))
    await bridges[0].close()
    assert await bridges[1].call(thread_name) == "trio-b"
    await bridges[1].close()
    assert names == ["trio-a", "trio-b"]


@pytest.mark.skipif(find_spec("uvloop") is None, reason="there is no uvloop for this platform")
def test_it_runs_beside_uvloop() -> None:
    import uvloop

    async def main() -> str:
        bridge = idle()
        await bridge.open()
        try:
            return await bridge.call(thread_name)
        finally:
            await bridge.close()

    assert uvloop.run(main()) == "trio-test"


async def test_what_is_handed_over_arrives_in_order() -> None:
    bridge, taken = idle(), list[int]()
    handover = Handover(bridge, taken.append, limit=100_000)

    async def put_many() -> None:
        for number in range(20_000):
            handover.put(number)
            if number % 100 == 0:
                await trio.lowlevel.checkpoint()

    await bridge.open()
    await bridge.call(put_many)
    await until(lambda: len(taken) == 20_000)
    await bridge.close()
    assert taken == list(range(20_000))
    assert handover.dropped == 0


async def test_a_full_handover_drops_and_counts_while_the_loop_is_blocked() -> None:
    bridge, taken, put = idle(), list[int](), threading.Event()
    handover = Handover(bridge, taken.append, limit=10)

    async def put_many() -> None:
        for number in range(25):
            handover.put(number)
        put.set()

    await bridge.open()
    calling = asyncio.create_task(bridge.call(put_many))
    await asyncio.sleep(0)
    put.wait(10)
    await calling
    await until(lambda: not handover)
    await bridge.close()
    assert taken == list(range(10))
    assert handover.dropped == 15


async def test_a_handover_is_bounded_in_bytes_but_for_one_item() -> None:
    bridge, taken, put = idle(), list[bytes](), threading.Event()
    handover = Handover(bridge, taken.append, limit=10, most_bytes=100, size_of=len)
    first, second = [b"x" * 500, b"y"], [b"x" * 60, b"y" * 60, b"z" * 40]

    async def put_all(items: list[bytes]) -> None:
        for item in items:
            handover.put(item)
        put.set()

    await bridge.open()
    for items in (first, second):
        put.clear()
        calling = asyncio.create_task(bridge.call(put_all, items))
        await asyncio.sleep(0)
        put.wait(10)
        await calling
        await until(lambda: not handover)
    await bridge.close()
    assert taken == [b"x" * 500, b"x" * 60, b"z" * 40]
    assert handover.dropped == 2


async def test_a_function_that_raises_does_not_stop_the_handover() -> None:
    bridge, taken = idle(), list[int]()

    def take(number: int) -> None:
        taken.append(number)
        if number == 1:
            raise ValueError("cannot take it")

    handover = Handover(bridge, take, limit=10)
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    async def put_three() -> None:
        for number in range(3):
            handover.put(number)

    await bridge.open()
    await bridge.call(put_three)
    await until(lambda: len(taken) == 3)
    await bridge.close()
    assert len(reported) == 1
