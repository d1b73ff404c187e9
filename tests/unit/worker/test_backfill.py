"""A backfill carries every document, whatever its sink says, and names those that are refused."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from dms_events import ConfigError, SinkBrokenError, SinkError
from dms_events.sink import ReadableSink, SinkUnavailableError, Verdict
from dms_events.worker import Backfill, backfill, document_writer
from dms_events.worker.policy import RetryPolicy
from dms_events_file import FileSink
from dms_events_sqlite import SqliteSink
from tests.unit.file.test_sink import documents, ids
from tests.unit.worker.forwarding import until

from .scripted_sink import Lines, ScriptedSink
from .test_forwarder_waits import Failing

SOON = RetryPolicy(backoff_s=0.001, backoff_max_s=0.002)


@pytest.fixture(params=["sqlite", "file"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> ReadableSink:
    """A store of 1,000 documents, which is not open."""
    url = f"{request.param}:{tmp_path / 'source'}"
    made: ReadableSink = SqliteSink(url) if request.param == "sqlite" else FileSink(url)

    async def fill() -> None:
        async with made as sink:
            await sink.write(documents(0, 1000))

    asyncio.run(fill())
    return made


def carried(sink: ScriptedSink) -> list[int]:
    return sorted(int(id) for id in sink.documents)


@pytest.mark.parametrize("batch", [1, 64, 1000, 5000])
async def test_every_document_arrives_as_it_is(source: ReadableSink, batch: int) -> None:
    sink = ScriptedSink()
    work = Backfill(source, sink, batch=batch)
    stats = await work.run()
    assert work.complete
    assert carried(sink) == list(range(1000))
    assert list(sink.documents.values()) == list(source.documents())
    assert source.total() == 1000
    assert (stats.stored, stats.received) == (1000, 1000)
    assert stats.by_type == {"elk_stats.ServiceCall": {"handled": 1000}}
    assert max(sink.batches) <= batch


async def test_a_batch_is_bounded_in_bytes(source: ReadableSink) -> None:
    sink, size = ScriptedSink(), len(documents(0, 1)[0].body)
    await Backfill(source, sink, batch_bytes=size * 9 + 1).run()
    assert max(sink.batches) == 10


async def test_what_the_sink_refuses_is_kept_and_the_rest_goes_on(
    source: ReadableSink, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sink = ScriptedSink({"0007": Lines(Verdict.REJECTED), "0011": Lines(Verdict.DUPLICATE)})
    file = tmp_path / "refused.jsonl"
    async with FileSink(f"file:{file}") as refused:
        stats = await Backfill(source, sink, batch=10, rejected=refused).run()
    assert (stats.stored, stats.rejected, stats.duplicates) == (998, 1, 1)
    assert ids(file) == [7]
    assert "1 documents were refused: the mapping refuses it" in caplog.text


async def test_a_document_for_later_comes_again_and_holds_up_no_other(
    source: ReadableSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "_LATER_S", 0.01)
    sink = ScriptedSink({"0000": Lines(Verdict.STORED, retries=3)})
    stats = await Backfill(source, sink, batch=10).run()
    assert carried(sink) == list(range(1000))
    assert (stats.stored, stats.again) == (1000, 3)


async def test_documents_for_later_are_bounded_in_bytes(
    source: ReadableSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "_LATER_S", 0.0)
    monkeypatch.setattr(backfill, "_MOST_LATER_BYTES", 1)
    sink = ScriptedSink({f"{n:04}": Lines(Verdict.STORED, retries=2) for n in range(1000)})
    work = Backfill(source, sink, batch=10, writes=1)
    stats = await work.run()
    assert (stats.stored, stats.again) == (1000, 2000)
    assert carried(sink) == list(range(1000))


async def test_a_sink_that_takes_nothing_for_a_while_is_waited_for(
    source: ReadableSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_writer, "_UNAVAILABLE", SOON)
    sink = ScriptedSink(broken_calls={2, 3, 4}, stores_half=True)
    stats = await Backfill(source, sink, batch=100).run()
    assert carried(sink) == list(range(1000))
    assert stats.unavailable == 3
    assert stats.received == 1000


async def test_a_sink_that_takes_nothing_for_too_long_ends_it(
    source: ReadableSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document_writer, "_UNAVAILABLE", SOON)
    sink = Failing(SinkUnavailableError(f"503 {number}") for number in count())
    with pytest.raises(SinkBrokenError, match=r"the sink took nothing for \d+ s: 503 \d+"):
        await asyncio.wait_for(Backfill(source, sink, give_up_s=0.01).run(), 20)


async def test_a_stop_ends_it_and_another_run_carries_the_rest(source: ReadableSink) -> None:
    going = asyncio.Event()

    async def held() -> None:
        await going.wait()

    sink = ScriptedSink(before=held)
    work = Backfill(source, sink, batch=10)
    running = asyncio.create_task(work.run())
    await until(lambda: sink.asked > 0)
    work.stop()
    going.set()
    stats = await running
    assert not work.complete
    assert 0 < stats.stored < 1000
    before = len(sink.documents)
    stats = await Backfill(source, sink).run()
    assert (stats.stored, stats.duplicates) == (1000 - before, before)
    assert carried(sink) == list(range(1000))


async def test_an_error_of_the_sink_that_waiting_does_not_mend_ends_it(
    source: ReadableSink,
) -> None:
    class Wrong(ScriptedSink):
        async def write(self, batch: object) -> list[object]:  # type: ignore[override]
            return []

    with pytest.raises(SinkError, match="0 verdicts came for 1000 documents"):
        await Backfill(source, Wrong()).run()


@pytest.mark.parametrize("make", [SqliteSink, FileSink])
def test_a_source_that_is_not_there_is_named(tmp_path: Path, make: type[ReadableSink]) -> None:
    source = make(f"{'sqlite' if make is SqliteSink else 'file'}:{tmp_path / 'none'}")  # type: ignore[call-arg]
    for read in (lambda: list(source.documents()), source.total):
        with pytest.raises(SinkError, match="none"):
            read()
    assert not list(tmp_path.iterdir())


def test_renamed_files_of_a_recording_are_read_in_their_order(tmp_path: Path) -> None:
    async def fill() -> None:
        async with FileSink(f"file:{tmp_path / 'e.jsonl'}", rotate_bytes=1) as sink:
            for first in range(0, 50, 10):
                await sink.write(documents(first))

    asyncio.run(fill())
    (tmp_path / "e-other.jsonl").write_text("none of them\n")
    source = FileSink(f"file:{tmp_path / 'e.jsonl'}")
    assert [int(one.id) for one in source.documents()] == list(range(50))
    assert source.total() == 50


@pytest.mark.parametrize("name", ["batch", "batch_bytes", "writes", "give_up_s"])
def test_a_number_out_of_range_is_refused(tmp_path: Path, name: str) -> None:
    limits: dict[str, Any] = {name: 0}
    with pytest.raises(ConfigError, match=name):
        Backfill(SqliteSink(f"sqlite:{tmp_path / 'a'}"), ScriptedSink(), **limits)
