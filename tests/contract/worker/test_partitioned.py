"""Workers that share a durable by partitions: each has one reader at a time, so keys keep their order."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

from dms_events import Bus, ConfigError, Worker
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, letters, until

from .working import running

pytestmark = pytest.mark.promised("acknowledges")
SOURCES = [f"peer-{number}" for number in range(12)]


class Seen:
    """What workers handle, and that none begins a key while another one has it."""

    def __init__(self) -> None:
        self.numbers: defaultdict[str, list[float]] = defaultdict(list)
        self.by: defaultdict[str, int] = defaultdict(int)
        self._held: set[str] = set()

    def worker(self, name: str, pause_s: float = 0.0) -> Worker:
        worker = Worker("billing", partitioned=True, ack_wait_s=3, prefetch=100)

        @worker.on(ServiceCall, key=lambda e: e.status)
        async def handle(event: ServiceCall) -> None:
            assert event.status not in self._held
            self._held.add(event.status)
            try:
                await asyncio.sleep(pause_s)
                self.numbers[event.status].append(event.call_id)
                self.by[name] += 1
            finally:
                self._held.remove(event.status)

        return worker

    async def all(self, count: int) -> None:
        async def there() -> bool:
            return sum(map(len, self.numbers.values())) >= count

        await until(there, 30)

    def check(self, count: int) -> None:
        expected = {s: [float(n) for n in range(i, count, 12)] for i, s in enumerate(SOURCES)}
        assert self.numbers == expected


async def publish(bus: Bus, first: int, count: int) -> None:
    await bus.publish_many(
        bus.prepare(call(float(n), SOURCES[n % 12]), source=SOURCES[n % 12])
        for n in range(first, first + count)
    )


async def test_keys_keep_their_order_while_workers_come_and_go(place: Place) -> None:
    seen = Seen()
    async with place.connect() as bus, place.connect() as other:
        await publish(bus, 0, 600)
        async with running(seen.worker("first", 0.005), bus):
            await seen.all(100)
            async with running(seen.worker("second", 0.005), other):
                await publish(bus, 600, 600)
                await seen.all(700)
                async with running(seen.worker("third", 0.005), bus):
                    await seen.all(800)
            await publish(bus, 1200, 300)
            await seen.all(1500)
        assert [letter async for letter in bus.dead_letters.find()] == []
    seen.check(1500)


async def test_what_a_stopped_worker_gives_back_is_next_in_its_key(bus: Bus) -> None:
    seen = Seen()
    await publish(bus, 0, 240)
    for turn in range(4):
        async with running(seen.worker(str(turn), 0.01), bus):
            await seen.all(30 * turn + 20)
    async with running(seen.worker("last"), bus):
        await seen.all(240)
    seen.check(240)
    assert await letters(bus) == []


async def test_partitioned_takes_a_durable(bus: Bus) -> None:
    with pytest.raises(ConfigError, match="takes a durable"):
        bus.subscribe(ServiceCall, partitioned=True)
