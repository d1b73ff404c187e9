"""Events of a full stream go into Elasticsearch: through the forwarder, the documented way, and ready."""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from collections.abc import Sequence
from typing import Any

import dms_events

from ..bus.scene import Scene
from ..table import Row, Section
from .one_run import ROOT, STREAM

__all__ = ["section"]

_BATCHES = (500, 1000, 5000)
_WRITERS = (1, 2, 4)
_INDICES = "dms-elk_stats.service_call-*"
Run = tuple[str, int, int]
"""A contestant, the size of its batches, and the number of its writers."""


def section(to: str) -> Section:
    """Return the section for a server at the URL ``to``, whose ``dms-*`` indices are deleted."""

    async def measure(scene: Scene, rounds: int) -> dict[str, list[float]]:
        async with dms_events.sink_for(to):
            pass  # the templates are there for all
        await scene.fresh_stream(ROOT)
        await _run(scene, to, ("fill", 0, 0))
        await scene.check_stored(STREAM)
        return await _in_turns(scene, to, rounds)

    rows: list[Row] = []
    for batch in _BATCHES:
        words = f"batches of {batch:,}"
        pair = f"ours {batch}", f"theirs {batch}"
        rows += [
            Row(f"CPU µs, {words}", f"{pair[0]} cpu_us", f"{pair[1]} cpu_us", 0.40, True),
            Row(f"time µs, {words}", f"{pair[0]} wall_us", f"{pair[1]} wall_us", 2.2),
            Row(f"RSS MB, {words}", f"{pair[0]} rss_mb", f"{pair[1]} rss_mb"),
        ]
    for writers in _WRITERS:
        name = f"ready 1000 on {writers} wall_us"
        rows.append(Row(f"time µs, ready bodies on {writers}", "ours 1000 wall_us", name))
    return Section("Elasticsearch, JetStream", "a document", measure, rows)


async def _in_turns(scene: Scene, to: str, rounds: int) -> dict[str, list[float]]:
    runs: list[Run] = [(name, batch, 1) for batch in _BATCHES for name in ("ours", "theirs")]
    runs += [("ready", 1000, writers) for writers in _WRITERS]
    figures: dict[str, list[float]] = {}
    for number in range(rounds):
        for run in runs[:: 1 if number % 2 else -1]:
            await _empty(to)
            found = await _run(scene, to, run)
            if (stored := await _count(to)) != scene.count:
                raise RuntimeError(f"{run}: {scene.count} documents were expected, {stored} stored")
            if run[0] != "ready":
                await scene.check_settled(STREAM, run[0])
            name = f"{run[0]} {run[1]}" + (f" on {run[2]}" if run[0] == "ready" else "")
            for figure, value in found.items():
                figures.setdefault(f"{name} {figure}", []).append(value)
    return figures


async def _run(scene: Scene, to: str, run: Run) -> dict[str, float]:
    name, batch, writers = run
    words: Sequence[object] = (
        *("-m", "benchmarks.sink.one_run", name, "--nats", scene.url, "--to", to),
        *("--count", scene.count, "--batch", batch, "--writers", writers),
    )
    running = await asyncio.create_subprocess_exec(
        sys.executable, *map(str, words), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await running.communicate()
    if running.returncode:
        raise RuntimeError(f"{name} ended with {running.returncode}")
    figures: dict[str, float] = json.loads(out)
    return figures


async def _empty(to: str) -> None:
    """Delete the indices, whose templates stay."""
    found = await _call(f"{to}/_cat/indices/{_INDICES}?format=json")
    for index in found:
        await _call(f"{to}/{index['index']}", "DELETE")


async def _count(to: str) -> int:
    await _call(f"{to}/{_INDICES}/_refresh", "POST")
    counted = await _call(f"{to}/{_INDICES}/_count")
    return int(counted["count"])


async def _call(url: str, method: str = "GET") -> Any:
    def ask() -> Any:
        with urllib.request.urlopen(urllib.request.Request(url, method=method)) as reply:
            return json.load(reply)

    return await asyncio.to_thread(ask)
