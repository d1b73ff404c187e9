"""A worker as a program of its own, which writes down what it does before it can be killed.

``python -m tests.kit.programs.worker_program URL JOURNAL [options]`` handles service calls until SIGTERM,
and prints its tally as JSON. The journal gets ``begin N PID`` and ``end N PID`` for each call of number
N; a line that was written is there, however the process ends.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import nats
from nats.js.api import ConsumerInfo

from dms_events import Stats, Worker
from dms_events.types.elk_stats import ServiceCall

from .processes import Running

__all__ = ["DURABLE", "Journal", "all_settled", "consumer", "program", "tally_of", "unsettled"]

DURABLE = "survivors"


class Journal:
    """What one or more worker programs did, in the order in which they did it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def lines(self) -> list[tuple[str, int, int]]:
        """Word, number and process id of each line."""
        text = self.path.read_text() if self.path.exists() else ""
        whole, _, _half_written = text.rpartition("\n")
        return [(w, int(n), int(p)) for w, n, p in (line.split() for line in whole.splitlines())]

    def count(self, word: str) -> Counter[int]:
        """How often each number stands behind a word."""
        return Counter(number for first, number, _ in self.lines if first == word)

    @property
    def begun(self) -> Counter[int]:
        """How often the handler was called for each number."""
        return self.count("begin")

    @property
    def ended(self) -> Counter[int]:
        """How often the handler returned for each number."""
        return self.count("end")


def program(url: str, journal: Journal, **options: float) -> tuple[str, ...]:
    """The command that starts it."""
    given = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    return (
        sys.executable,
        "-m",
        "tests.kit.programs.worker_program",
        url,
        str(journal.path),
        *given,
    )


async def consumer(url: str) -> ConsumerInfo:
    """What the server says of the durable; asking takes none of its messages."""
    client = await nats.connect(url)
    try:
        return cast(ConsumerInfo, await client.jsm().consumer_info("DMS_EVENTS", DURABLE))
    finally:
        await client.close()


async def unsettled(url: str) -> int:
    """What waits for the durable or is not acknowledged."""
    about = await consumer(url)
    return (about.num_pending or 0) + (about.num_ack_pending or 0)


async def all_settled(url: str, by: Running | None = None, within_s: float = 120) -> None:
    """Wait until nothing is left of the durable, which a program may bring about."""
    deadline = time.monotonic() + within_s
    while left := await unsettled(url):
        assert time.monotonic() < deadline, f"{left} are left after {within_s:g} s"
        assert by is None or not by.ended, f"it ended and left {left}"
        await asyncio.sleep(0.05)


def tally_of(out: str) -> Any:
    """The figures that the program printed when it ended in peace, by name."""
    return SimpleNamespace(**msgspec.json.decode(out))


async def work(options: argparse.Namespace) -> Stats:
    descriptor = os.open(options.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    worker = Worker(
        DURABLE,
        concurrency=options.concurrency,
        ack_wait_s=options.ack_wait_s,
        drain_s=options.drain_s,
        partitioned=options.partitioned > 0,
    )

    key = (lambda call: call.peer_id_of_service_host) if options.partitioned else None

    @worker.on(ServiceCall, attempts=options.attempts, backoff_s=0.05, key=key)
    async def handle(event: ServiceCall) -> None:
        number = int(event.call_id)
        os.write(descriptor, b"begin %d %d\n" % (number, os.getpid()))
        if number == options.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if options.pause_s:
            await asyncio.sleep(options.pause_s)
        os.write(descriptor, b"end %d %d\n" % (number, os.getpid()))

    if options.drain:
        worker.drain()
    return await worker.run(options.url)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("journal")
    parser.add_argument("--attempts", type=int, default=5)
    parser.add_argument("--concurrency", type=int, default=10)
    parser.add_argument("--ack-wait-s", type=float, default=60)
    parser.add_argument("--drain-s", type=float, default=20)
    parser.add_argument("--pause-s", type=float, default=0)
    parser.add_argument("--partitioned", type=int, default=0)
    parser.add_argument("--drain", type=int, default=0)
    parser.add_argument("--deadly", type=int, default=-1)
    print(msgspec.json.encode(asyncio.run(work(parser.parse_args())).as_dict()).decode())
