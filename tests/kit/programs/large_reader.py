"""A reader of large events as a program of its own, which prints what it read and what that took.

``python -m tests.kit.programs.large_reader worker|held|forwarder URL COUNT`` ends when it has handled so
many, and prints JSON: how many events, how often the connection was lost, and the most memory in MB.
``held`` is a worker whose first event holds up all others, which have the same key, for some seconds.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

import dms_events
from dms_events import Bus, Forwarder, Worker
from dms_events.sink import Document, Sink, SinkVerdict, Verdict
from dms_events.types.elk_stats import DeviceStatusChange

__all__ = ["Read", "large"]

_HELD_S = 2.0
_LOST = "lost the connection"


class Read(msgspec.Struct):
    """What the program prints."""

    events: int
    lost: int
    memory_mb: float


def large(number: int, size: int = 900_000) -> DeviceStatusChange:
    """An event whose envelope has ``size`` bytes or so."""
    return DeviceStatusChange(peer_id="p" * (size * 3 // 4), status=str(number), timestamp=1.0)


class _Lost(logging.Handler):
    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += _LOST in record.getMessage()


class _Counting(Sink):
    """Keeps nothing, so that the memory is the forwarder's."""

    stored = 0

    async def open(self) -> None: ...

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        await asyncio.sleep(0.01)
        self.stored += len(batch)
        return [SinkVerdict(Verdict.STORED)] * len(batch)

    async def count(self) -> dict[str, int]:
        return {}

    async def close(self) -> None: ...


async def _worker(bus: Bus, count: int, *, held: bool) -> int:
    worker = Worker("large")
    handled: set[str] = set()

    @worker.on(DeviceStatusChange, key=(lambda _: 1) if held else None)
    async def handle(event: DeviceStatusChange) -> None:
        if held and not handled:
            await asyncio.sleep(_HELD_S)
        handled.add(event.status)
        if len(handled) == count:
            worker.stop()

    await worker.run(bus)
    return len(handled)


async def _forwarder(bus: Bus, count: int) -> int:
    async with _Counting() as sink:
        forwarder = Forwarder(bus, sink)
        forwarding = asyncio.create_task(forwarder.run())
        while sink.stored < count:  # noqa: ASYNC110 - a sink tells nobody
            await asyncio.sleep(0.01)
        forwarder.stop()
        return (await forwarding).stored


async def _main(kind: str, url: str, count: int) -> Read:
    lost = _Lost()
    logging.getLogger("dms_events").addHandler(lost)
    async with dms_events.connect(url) as bus:
        if kind == "forwarder":
            events = await _forwarder(bus, count)
        else:
            events = await _worker(bus, count, held=kind == "held")
    return Read(events=events, lost=lost.count, memory_mb=_peak_kb() / 1024)


def _peak_kb() -> int:
    """Of this process alone; `resource` counts the one that started it too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    _kind, _url, _count = sys.argv[1:]
    print(msgspec.json.encode(asyncio.run(_main(_kind, _url, int(_count)))).decode())
