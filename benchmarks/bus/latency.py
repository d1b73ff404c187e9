"""From the call of publish to the handler, at a steady rate, both in this process.

Open loop: an event is sent when its time has come, whether or not those before it have arrived. The
contestants are connected all the time and send in turns of a fifth of a second: a p99 is made by the
moments when the machine does something else, and those must hit everybody.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import nats.errors
from nats.aio.msg import Msg

from dms_events import Subscription
from dms_events.types.elk_stats import ServiceCall

from ..table import Row, Section
from .scene import CHUNK, Scene, identity, opened, sealed, subject

__all__ = ["core", "jetstream"]

_TURN_S = 0.2
_PATIENCE_S = 30.0

Send = Callable[[int], Awaitable[object]]


class _Stopwatch:
    """The n-th event that arrives is the n-th that was sent: one subject, one reader, no redelivery."""

    def __init__(self) -> None:
        self._sent: list[float] = []
        self._delays: list[float] = []
        self._all_here = asyncio.Event()

    def sent(self) -> None:
        self._all_here.clear()
        self._sent.append(time.perf_counter())

    def arrived(self) -> None:
        self._delays.append(time.perf_counter() - self._sent[len(self._delays)])
        if len(self._delays) == len(self._sent):
            self._all_here.set()

    async def all_here(self) -> None:
        await asyncio.wait_for(self._all_here.wait(), _PATIENCE_S)

    def percentiles_ms(self) -> list[float]:
        """p1 to p99 of what arrived since this was asked before."""
        delays = [delay * 1_000 for delay in self._delays]
        self._sent.clear()
        self._delays.clear()
        return statistics.quantiles(delays, n=100, method="inclusive")


Connected = Callable[[Scene, str, _Stopwatch], AbstractAsyncContextManager[Send]]
"""Reads what is published under a root, and gives what publishes there."""


async def _measure(
    scene: Scene,
    rounds: int,
    *,
    contestants: Mapping[str, Connected],
    samples: int,
    rate: float,
) -> dict[str, list[float]]:
    figures: dict[str, list[float]] = {
        f"{name}, p{p}": [] for name in contestants for p in (50, 99)
    }
    turn = max(1, int(rate * _TURN_S))
    async with AsyncExitStack() as stack:
        stopwatches = {name: _Stopwatch() for name in contestants}
        senders = {
            name: await stack.enter_async_context(
                connected(scene, f"latency-{name}", stopwatches[name])
            )
            for name, connected in contestants.items()
        }
        for number in range(rounds + 1):
            gc.collect()
            for start in range(0, samples if number else turn, turn):
                for name, send in senders.items():
                    await _take_turn(stopwatches[name], send, range(start, start + turn), rate)
            for name, stopwatch in stopwatches.items():
                percentiles = stopwatch.percentiles_ms()
                if number:
                    figures[f"{name}, p50"].append(percentiles[49])
                    figures[f"{name}, p99"].append(percentiles[98])
    return figures


async def _take_turn(stopwatch: _Stopwatch, send: Send, numbers: range, rate: float) -> None:
    async def one(number: int) -> None:
        stopwatch.sent()
        await send(number)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as sending:
        for index, number in enumerate(numbers):
            await asyncio.sleep(start + index / rate - time.perf_counter())
            sending.create_task(one(number))
    await stopwatch.all_here()


@asynccontextmanager
async def _bus(
    scene: Scene, root: str, stopwatch: _Stopwatch, *, durable: bool
) -> AsyncIterator[Send]:
    async def read(messages: Subscription[ServiceCall]) -> None:
        async for message in messages:
            stopwatch.arrived()
            await message.ack()

    if durable:
        await scene.fresh_stream(root)
    async with (
        scene.bus(root, durable=durable) as bus,
        bus.subscribe(ServiceCall, durable="bus" if durable else None) as messages,
        _background(read(messages)),
    ):
        yield lambda number: bus.publish(scene.events[number % scene.count])


@asynccontextmanager
async def _nats_py(
    scene: Scene, root: str, stopwatch: _Stopwatch, *, pull: bool
) -> AsyncIterator[Send]:
    async def handle(message: Msg) -> None:
        stopwatch.arrived()
        await message.ack()

    stream = await scene.fresh_stream(root)
    async with scene.client() as client, AsyncExitStack() as stack:
        js = client.jetstream()
        if pull:
            subscription = await js.pull_subscribe(subject(root), durable="nats-py", stream=stream)

            async def fetch() -> None:
                while True:
                    with suppress(nats.errors.TimeoutError):
                        for message in await subscription.fetch(CHUNK):
                            await handle(message)

            await stack.enter_async_context(_background(fetch()))
        else:
            await js.subscribe(
                subject(root), durable="nats-py", stream=stream, cb=handle, manual_ack=True
            )
        yield lambda number: js.publish(
            subject(root),
            scene.envelopes[number % scene.count],
            headers={"Nats-Msg-Id": identity()},
        )


@asynccontextmanager
async def _core_nats_py(
    scene: Scene, root: str, stopwatch: _Stopwatch, *, typed: bool
) -> AsyncIterator[Send]:
    async def handle(message: Msg) -> None:
        if typed:
            opened(message.data)
        stopwatch.arrived()

    def send(number: int) -> Awaitable[None]:
        place = number % scene.count
        data = sealed(scene.events[place]) if typed else scene.envelopes[place]
        return client.publish(subject(root), data)

    async with scene.client() as client:
        await client.subscribe(subject(root), cb=handle)
        await client.flush()
        yield send


@asynccontextmanager
async def _background(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def jetstream(samples: int, rate: float) -> Section:
    contestants: dict[str, Connected] = {
        "bus": partial(_bus, durable=True),
        "push": partial(_nats_py, pull=False),
        "pull": partial(_nats_py, pull=True),
    }
    return Section(
        f"latency at {rate:g}/s, JetStream",
        "ms",
        partial(_measure, contestants=contestants, samples=samples, rate=rate),
        [
            Row("p99: bus / js.subscribe(cb=), push", "bus, p99", "push, p99", 1.15, at_most=True),
            Row("p99: bus / fetch, pull", "bus, p99", "pull, p99", 1.15, at_most=True),
            Row("p50: bus / js.subscribe(cb=), push", "bus, p50", "push, p50", at_most=True),
            Row("p50: bus / fetch, pull", "bus, p50", "pull, p50", at_most=True),
        ],
    )


def core(samples: int, rate: float) -> Section:
    contestants: dict[str, Connected] = {
        "core-bus": partial(_bus, durable=False),
        "core-nats-py": partial(_core_nats_py, typed=False),
        "core-by-hand": partial(_core_nats_py, typed=True),
    }
    return Section(
        f"latency at {rate:g}/s, core",
        "ms",
        partial(_measure, contestants=contestants, samples=samples, rate=rate),
        [
            Row(
                "p99: bus / nc.subscribe(cb=)",
                "core-bus, p99",
                "core-nats-py, p99",
                1.15,
                at_most=True,
            ),
            Row("p50: bus / nc.subscribe(cb=)", "core-bus, p50", "core-nats-py, p50", at_most=True),
            Row(
                "p99: by hand / nc.subscribe(cb=)",
                "core-by-hand, p99",
                "core-nats-py, p99",
                at_most=True,
            ),
            Row("p99: bus / by hand", "core-bus, p99", "core-by-hand, p99", at_most=True),
        ],
    )
