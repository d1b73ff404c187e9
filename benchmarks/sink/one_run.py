"""One contestant, once, in a process of its own: ``python -m benchmarks.sink.one_run``.

It prints its figures as JSON. A process of its own has its own peak of memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from elasticsearch import AsyncElasticsearch

import dms_events
from dms_events import Forwarder
from dms_events.sink import documents_of
from dms_events.types.elk_stats import ServiceCall
from dms_events_elasticsearch.bulk.encode import encode

from ..bus.scene import PEER, service_call, subject
from . import documented

__all__ = ["ROOT", "STREAM"]

ROOT = "elastic"
STREAM = "ELASTIC_EVENTS"
_CHUNK = 10_000


async def fill(options: argparse.Namespace) -> None:
    """Publish the events; their call ids are any numbers of 32 bits."""
    ids = random.Random(7)
    async with dms_events.connect(options.nats, source=PEER, root=ROOT) as bus:
        for first in range(0, options.count, _CHUNK):
            numbers = range(first, min(first + _CHUNK, options.count))
            await bus.publish_many([service_call(n, float(ids.getrandbits(32))) for n in numbers])


async def ours(options: argparse.Namespace) -> None:
    async with (
        dms_events.connect(options.nats, source=PEER, root=ROOT) as bus,
        dms_events.sink_for(options.to) as sink,
    ):
        forwarder = Forwarder(bus, sink, durable="ours", wanted=[ServiceCall], batch=options.batch)
        forwarder.drain()
        await forwarder.run()


async def theirs(options: argparse.Namespace) -> None:
    await documented.forward(
        options.nats, options.to, STREAM, subject(ROOT), options.count, options.batch
    )


async def ready(options: argparse.Namespace) -> Callable[[], Awaitable[None]]:
    """Documents that are made before the clock starts, on several connections."""
    async with dms_events.connect(options.nats, source=PEER, root=ROOT) as bus:
        bodies: list[bytes] = []
        async with bus.subscribe(ServiceCall, start="all", prefetch=options.batch) as messages:
            while len(bodies) * options.batch < options.count:
                bodies.append(encode(documents_of(await messages.batch(options.batch, 10.0))))

    async def post(client: AsyncElasticsearch) -> None:
        while bodies:
            reply = await client.bulk(body=bodies.pop(), filter_path="errors")
            if reply["errors"]:
                raise RuntimeError("not all documents were stored")

    async def run() -> None:
        async with (
            AsyncElasticsearch(options.to, connections_per_node=options.writers) as client,
            asyncio.TaskGroup() as posting,
        ):
            for _ in range(options.writers):
                posting.create_task(post(client))

    return run


async def _measured(options: argparse.Namespace) -> dict[str, Any]:
    work: Callable[[], Awaitable[None]]
    if options.contestant == "ready":
        work = await ready(options)
    else:
        chosen = {"fill": fill, "ours": ours, "theirs": theirs}[options.contestant]

        async def work() -> None:
            await chosen(options)

    cpu, wall = time.process_time(), time.perf_counter()
    await work()
    return {
        "cpu_us": (time.process_time() - cpu) * 1e6 / options.count,
        "wall_us": (time.perf_counter() - wall) * 1e6 / options.count,
        "rss_mb": _peak_mb(),
    }


def _peak_mb() -> float:
    """The peak of this program, on Linux; `getrusage` knows that of its parent, if that was higher."""
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("contestant", choices=["fill", "ours", "theirs", "ready"])
    parser.add_argument("--nats", required=True)
    parser.add_argument("--to", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--writers", type=int, default=1)
    print(json.dumps(asyncio.run(_measured(parser.parse_args()))))


if __name__ == "__main__":
    main()
