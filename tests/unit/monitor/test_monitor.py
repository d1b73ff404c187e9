"""What the monitor says is what the forwarder's figures say."""

from __future__ import annotations

import asyncio
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import dms_events
from dms_events import Forwarder, Stats
from dms_events.errors import ConnectionLostError
from dms_events.monitor import Monitor
from dms_events.monitor.exposition import Family, Sample, exposed
from dms_events.monitor.metrics import METRICS, metrics_of
from dms_events.sink import Verdict
from tests.unit.worker.forwarding import drained, forwarding, removals, until
from tests.unit.worker.scripted_sink import Lines, ScriptedSink

PAGE = Path(__file__).parents[3] / "docs" / "monitoring.md"


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The values by name and labels, as Prometheus reads them."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def labels(**named: str) -> frozenset[tuple[str, str]]:
    return frozenset(named.items())


async def page(monitor: Monitor, path: str) -> tuple[int, str]:
    def get() -> tuple[int, str]:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{monitor.port}{path}", timeout=10
            ) as said:
                return said.status, said.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    return await asyncio.to_thread(get)


def text_of(stats: Stats) -> str:
    return exposed(metrics_of(stats, ready=True, backlog=None))


async def test_the_metrics_are_the_figures() -> None:
    lines = {"id-1": Lines(Verdict.REJECTED), "id-2": Lines(Verdict.DUPLICATE)}
    async with dms_events.connect("memory://") as bus:
        await bus.publish_many(removals(bus, 5))
        forwarder = Forwarder(bus, ScriptedSink(lines))
        stats = await drained(forwarder)
    found = samples(text_of(stats))
    for outcome, count in stats.figures().items():
        if outcome != "delayed":
            assert found["dms_events_messages_total", labels(outcome=outcome)] == count
    assert found["dms_events_received_total", labels()] == stats.received == 5
    name = "elk_stats.ServiceRemove"
    typed = {
        o: found["dms_events_type_messages_total", labels(type=name, outcome=o)]
        for o in ("handled", "rejected", "duplicates")
    }
    assert typed == {"handled": 3, "rejected": 1, "duplicates": 1}
    assert found["dms_events_write_seconds_count", labels()] == stats.writes.count > 0
    assert found["dms_events_write_seconds_bucket", labels(le="+Inf")] == stats.writes.count
    about = [dict(key[1]) for key in found if key[0] == "dms_events_build_info"]
    assert [one["version"] for one in about] == [dms_events.__version__]


def test_each_metric_stands_in_the_table_of_the_page() -> None:
    rows = dict(re.findall(r"^\| `(dms_events_\w+)`[^|]*\| (.*?) \|$", PAGE.read_text(), re.M))
    assert rows == {name: text.replace("|", r"\|") for name, text in METRICS.items()}


@pytest.mark.parametrize("text", ["plain", 'quoted "x"', "back\\slash", "two\nlines", "ü"])
def test_a_label_is_read_back_as_it_was(text: str) -> None:
    family = Family("m", "gauge", f"help {text}", [Sample(2.5, {"l": text})])
    assert samples(exposed([family])) == {("m", labels(l=text)): 2.5}


async def test_it_is_ready_while_the_sink_takes_documents_and_says_why_not() -> None:
    sink = ScriptedSink({"id-0": Lines(Verdict.STORED)})
    async with dms_events.connect("memory://") as bus:
        forwarder = Forwarder(bus, sink)
        async with Monitor(forwarder, port=0) as monitor:
            assert await page(monitor, "/readyz") == (503, "it is not subscribed yet\n")
            assert await page(monitor, "/healthz") == (200, "ok\n")
            running = asyncio.create_task(forwarder.run())
            await until(lambda: not forwarder.not_ready)
            assert await page(monitor, "/readyz") == (200, "ok\n")
            forwarder.stop()
            assert await page(monitor, "/readyz") == (503, "it is ending\n")
            await running


async def test_it_is_not_ready_while_the_broker_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with dms_events.connect("memory://") as bus:
        forwarder = Forwarder(bus, ScriptedSink({}))
        async with Monitor(forwarder, port=0) as monitor, forwarding(forwarder):
            await until(lambda: not forwarder.not_ready)

            async def lost() -> int:
                raise ConnectionLostError("the link is gone")

            monkeypatch.setattr(forwarder.stats.reading, "backlog", lost)
            assert await page(monitor, "/readyz") == (
                503,
                "the broker does not answer: the link is gone\n",
            )
            status, text = await page(monitor, "/metrics")
            found = samples(text)
            assert (status, found["dms_events_ready", labels()]) == (200, 0)
            assert ("dms_events_backlog", labels()) not in found


async def test_a_request_that_comes_while_the_broker_is_asked_is_told_the_last_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with dms_events.connect("memory://") as bus:
        forwarder = Forwarder(bus, ScriptedSink({}))
        async with Monitor(forwarder, port=0) as monitor, forwarding(forwarder):
            await until(lambda: not forwarder.not_ready)
            asked, answered = asyncio.Event(), asyncio.Event()

            async def lost() -> int:
                raise ConnectionLostError("the link is gone")

            async def waits() -> int:
                asked.set()
                await answered.wait()
                return 0

            monkeypatch.setattr("dms_events.monitor.monitor._ASK_EVERY_S", 0.0)
            monkeypatch.setattr(forwarder.stats.reading, "backlog", lost)
            told = await page(monitor, "/readyz")
            monkeypatch.setattr("dms_events.monitor.monitor._ASK_EVERY_S", 600.0)
            monkeypatch.setattr("dms_events.monitor.monitor._ASK_WITHIN_S", 600.0)
            monkeypatch.setattr(forwarder.stats.reading, "backlog", waits)
            first = asyncio.create_task(page(monitor, "/readyz"))
            await asked.wait()
            assert await page(monitor, "/readyz") == told
            answered.set()
            assert await first == (200, "ok\n")
            assert told == (503, "the broker does not answer: the link is gone\n")
