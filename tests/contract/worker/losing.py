"""Workers without a durable at work, and what they throw away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from dms_events import Bus, Discarded, Worker
from dms_events.envelope import decode_envelope
from tests.kit.programs.processes import until

from .working import running

__all__ = ["at_work", "decoded", "in_hand"]


@asynccontextmanager
async def at_work(
    worker: Worker, bus: Bus, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[asyncio.Task[Any]]:
    """The worker at work, from when it hears what is published."""
    caplog.set_level(logging.INFO, "dms_events")
    async with running(worker, bus) as task:
        await until(lambda: "at most once: nothing is stored" in caplog.text, "it has begun")
        yield task


def in_hand(worker: Worker) -> int:
    return len(worker._ledger.in_hand)


def decoded(discarded: Discarded) -> dict[str, Any]:
    event: dict[str, Any] = msgspec.json.decode(decode_envelope(discarded.data).data)
    return event
