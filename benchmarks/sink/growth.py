"""A SQLite file grows: what a document costs the sink that has few, and the one that has many."""

from __future__ import annotations

import gc
import random
import tempfile
import time

import msgspec
import uuid_utils

from dms_events.sink import Document, documents_of
from dms_events.types.elk_stats import ServiceCall
from dms_events_sqlite import SqliteSink

from ..bus.consume import HEADER, filled
from ..bus.scene import Scene
from ..table import Row, Section

__all__ = ["SECTION"]

_BATCH = 1000
_STEP = 10_000
_SIZES = (10_000, 100_000, 1_000_000)


async def _measure(scene: Scene, rounds: int) -> dict[str, list[float]]:
    """Fill one file, once: the ids come in no order, as those of Go's events do."""
    document, ids = await _document(scene), random.Random(7)
    figures: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with SqliteSink(f"sqlite:{folder}/events.db") as sink:
            for size in range(_STEP, max(_SIZES) + 1, _STEP):
                cpu_us = 0.0
                for _ in range(_STEP // _BATCH):
                    batch = [_copy(document, ids) for _ in range(_BATCH)]
                    gc.collect(0)
                    start = time.process_time_ns()
                    await sink.write(batch)
                    cpu_us += (time.process_time_ns() - start) / 1000
                if size in _SIZES:
                    figures[f"{size:,}"] = [cpu_us / _STEP]
            if (stored := sum((await sink.count()).values())) != max(_SIZES):
                raise RuntimeError(f"{max(_SIZES)} documents were expected, {stored} stored")
    return figures


async def _document(scene: Scene) -> Document:
    await filled(scene, HEADER)
    async with scene.bus(HEADER) as bus, bus.subscribe(ServiceCall, start="all") as messages:
        return documents_of([await anext(messages)])[0]


def _copy(document: Document, ids: random.Random) -> Document:
    id = str(uuid_utils.UUID(bytes=ids.randbytes(16)))
    return msgspec.structs.replace(document, id=id)


def _row(size: int) -> Row:
    return Row(
        f"at {size:,} stored / at {_SIZES[0]:,}", f"{size:,}", f"{_SIZES[0]:,}", at_most=True
    )


SECTION = Section("a SQLite file that grows", "CPU µs", _measure, [_row(n) for n in _SIZES[1:]])
