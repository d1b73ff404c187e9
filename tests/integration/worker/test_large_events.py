"""Large events flow: what is asked for and what is held is bounded in bytes, not in number alone."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

import dms_events
from dms_events_nats import NatsServer
from tests.kit.programs.large_reader import Read, large
from tests.kit.programs.processes import run
from tests.kit.soak import sized

MODULE = "tests.kit.programs.large_reader"
MEMORY_MB = 250


async def read(kind: str, url: str, count: int) -> Read:
    done = await run(sys.executable, "-m", MODULE, kind, url, count, within_s=sized(60, 300))
    assert done.code == 0, done.err
    return msgspec.json.decode(done.out, type=Read)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["worker", "held", "forwarder"])
@pytest.mark.parametrize("max_pending", ["4MB", "64MB"])
async def test_events_of_900_kb_flow_without_a_lost_connection_in_bounded_memory(
    tmp_path: Path, kind: str, max_pending: str
) -> None:
    count = sized(120, 1_500)
    async with NatsServer(tmp_path / "nats", config=f"max_pending: {max_pending}") as server:
        async with dms_events.connect(server.url) as bus:
            await bus.publish_many(map(large, range(count)))
        result = await read(kind, server.url, count)
    assert result.events == count
    assert result.lost == 0
    assert result.memory_mb < MEMORY_MB
