"""A demo that is interrupted while its Elasticsearch hangs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dms_events.demo import run
from dms_events.errors import SinkError
from tests.kit.programs.processes import until
from tests.kit.servers.link import linked


async def test_an_interrupted_demo_whose_elasticsearch_hangs_ends_and_says_so(
    elasticsearch_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "_FINISH_S", 0.2)
    async with linked(elasticsearch_url, stalls_at=b"_bulk") as link:
        demo = run.Demo(
            devices=5,
            events=1_000_000,
            seed=1,
            folder=tmp_path / "kept",
            elasticsearch=link.url.replace("nats:", "http:"),
        )
        running = asyncio.create_task(demo.run())
        await until(lambda: link.stalled, "it hangs")
        demo.interrupt()
        async with asyncio.timeout(30):
            with pytest.raises(SinkError, match="not stored"):
                await running
