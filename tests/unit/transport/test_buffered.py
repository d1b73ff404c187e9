"""Receivers with a buffer: what they do for the messages that nobody has taken yet."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from dms_events import ConnectionLostError
from dms_events.aio import cancelled
from dms_events.transport import BufferedReceiver, Delivery


class Held(Delivery, msgspec.Struct, eq=False):
    sequence: int
    calls: asyncio.Queue[tuple[str, int]]
    data: bytes = b""
    stored_ns: int = 1

    async def nak(self, delay_s: float = 0.0) -> None:
        self.calls.put_nowait(("nak", self.sequence))
        raise ConnectionLostError("the link is down")

    async def in_progress(self) -> None:
        self.calls.put_nowait(("in_progress", self.sequence))
        raise ConnectionLostError("the link is down")


async def test_messages_in_the_buffer_are_kept_alive_each_once_though_the_link_is_down() -> None:
    calls: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    receiver = BufferedReceiver[Held]()
    receiver.ack_wait_s = 0.03
    for sequence in (1, 2, 2):
        receiver.put(Held(sequence, calls))
    keeping = asyncio.create_task(receiver.keep_alive())
    async with asyncio.timeout(10):
        seen = [await calls.get() for _ in range(6)]
    await cancelled(keeping)
    assert seen == [("in_progress", 1), ("in_progress", 2)] * 3


async def test_all_messages_in_the_buffer_are_given_back_though_the_link_is_down() -> None:
    calls: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
    receiver = BufferedReceiver[Held]()
    for sequence in (1, 2):
        receiver.put(Held(sequence, calls))
    await receiver.give_back()
    assert [calls.get_nowait() for _ in range(calls.qsize())] == [("nak", 1), ("nak", 2)]
    assert receiver.pop() is None


async def test_a_receiver_that_has_failed_hands_out_its_buffer_first() -> None:
    receiver = BufferedReceiver[Held]()
    waiting = asyncio.create_task(receiver.wait(None))
    await asyncio.sleep(0)
    receiver.put(Held(1, asyncio.Queue()))
    assert await waiting
    receiver.fail(ConnectionLostError("the first error"))
    await receiver.close()
    assert await receiver.wait(None)
    assert receiver.pop() is not None
    with pytest.raises(ConnectionLostError, match="the first error"):
        await receiver.wait(None)
