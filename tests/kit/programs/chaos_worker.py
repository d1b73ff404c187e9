"""A worker of the chaos run, which writes down when it begins and ends each event.

``python -m tests.kit.programs.chaos_worker URL JOURNAL ACK_WAIT_S``. A line of the journal is
``WORD KEY NUMBER PID TIME``, where TIME is of the clock that all processes of a machine share. Now and
then a handler raises by chance, which is written down too.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import time

from dms_events import Worker
from dms_events.types.elk_stats import DeviceStatusChange

__all__ = ["DURABLE"]

DURABLE = "chaos"
_WORK_S = 0.02
_RAISES = 0.02


def work(url: str, journal: str, ack_wait_s: float) -> None:
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    worker = Worker(DURABLE, ack_wait_s=ack_wait_s, partitioned=True, prefetch=50, drain_s=2)

    def say(word: str, event: DeviceStatusChange) -> None:
        line = f"{word} {event.peer_id} {event.status} {os.getpid()} {time.monotonic():.6f}\n"
        os.write(descriptor, line.encode())

    @worker.on(
        DeviceStatusChange,
        key=lambda event: event.peer_id,
        attempts=50,
        backoff_s=0.05,
        backoff_max_s=0.2,
    )
    async def follow(event: DeviceStatusChange) -> None:
        say("begin", event)
        await asyncio.sleep(random.uniform(0, _WORK_S))
        if random.random() < _RAISES:
            say("raise", event)
            raise ValueError("by chance")
        say("end", event)

    asyncio.run(worker.run(url))


if __name__ == "__main__":
    logging.basicConfig(
        level=os.environ.get("CHAOS_LOG", "ERROR"),
        format="%(process)d %(asctime)s %(name)s: %(message)s",
    )
    work(sys.argv[1], sys.argv[2], float(sys.argv[3]))
