"""The events that the suite publishes, and how it waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec

from ...bus import Message, Subscription
from ...types.elk_stats import NewService, NtxPayment, ServiceCall

__all__ = [
    "BARE",
    "CALL",
    "call",
    "collect",
    "event_calls",
    "nothing_comes",
    "payment",
    "service",
    "soon",
    "until",
]

CALL = "elk_stats.ServiceCall"
BARE = b'{"Type":"elk_stats.ServiceCall","Data":"eyJDYWxsSUQiOjF9"}'
"""A call as a Go node writes it: without an ID, a source and a time."""
PATIENCE_S = 10.0
"""How long the suite waits for what must come; the harness's ``patience_s`` while its tests run."""
T = TypeVar("T", bound=msgspec.Struct)


def call(number: float = 1.0, status: str = "ok") -> ServiceCall:
    """A call; the number tells it from others."""
    return ServiceCall(
        call_id=number,
        peer_id_of_service_host="host",
        service_id="service",
        cpu_used=1.5,
        max_ram=2.0,
        memory_used=3.25,
        network_bw_used=4.0,
        time_taken=0.5,
        status=status,
        amount_of_ntx=7,
        timestamp=1_795_460_123.5,
    )


def payment(number: float = 1.0) -> NtxPayment:
    """An event of another type of the same module."""
    return NtxPayment(
        call_id=number,
        service_id="service",
        amount_of_ntx=7,
        peer_id="peer",
        success_fail_status="success",
        timestamp=1_795_460_123.5,
    )


def service(name: str = "name") -> NewService:
    """An event of a third type of the same module."""
    return NewService(
        service_id="service", service_name=name, service_description="", timestamp=1_795_460_123.5
    )


def event_calls(count: int, first: int = 0) -> list[ServiceCall]:
    """Calls with ``call_id`` 0, 1, 2, …"""
    return [call(float(n)) for n in range(first, first + count)]


@asynccontextmanager
async def soon(failure: Callable[[], str], within_s: float | None = None) -> AsyncIterator[None]:
    """Raise an AssertionError with the words of ``failure`` if the block takes too long.

    ``within_s`` is the time that the block has: by default the harness's ``patience_s``.
    """
    limit = asyncio.timeout(PATIENCE_S if within_s is None else within_s)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise AssertionError(f"too late: {failure()}") from None


async def collect(
    subscription: Subscription[T], count: int, *, ack: bool = True, within_s: float | None = None
) -> list[Message[T]]:
    """Return the next ``count`` messages, acknowledged as they come.

    Raises:
        AssertionError: fewer came in time; it says which did.
    """
    messages: list[Message[T]] = []

    def failure() -> str:
        last = [message.event for message in messages[-3:]]
        return f"{len(messages)} of {count} messages came, the last of them: {last}"

    async with soon(failure, within_s):
        while len(messages) < count:
            message = await anext(subscription)
            if ack:
                await message.ack()
            messages.append(message)
    return messages


async def until(
    condition: Callable[[], Awaitable[bool] | bool], within_s: float | None = None
) -> None:
    """Wait for a condition that nobody announces.

    Raises:
        AssertionError: the condition did not come true in time.
    """
    async with soon(lambda: "a condition was not met", within_s):
        while True:
            met = condition()
            if await met if isinstance(met, Awaitable) else met:
                return
            await asyncio.sleep(0.02)


async def nothing_comes(subscription: Subscription[T], for_s: float = 0.3) -> bool:
    """True if no message comes within ``for_s``."""
    return not await subscription.batch(1, for_s)
