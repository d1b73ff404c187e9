"""The file sink: a line for each document, on disk, whatever happens to the file."""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dms_events import ConfigError, SinkBrokenError, SinkError, sink_for
from dms_events.sink import STORED, Document
from dms_events_file import FileSink
from dms_events_file.lines import documents_in
from tests.kit.programs.processes import running, until

TIME = datetime(2026, 11, 20, 1, 2, 3, 4567, tzinfo=UTC)

WRITER = """
import asyncio, sys
from dms_events_file import FileSink
from tests.unit.file.test_sink import documents

async def main():
    async with FileSink(f"file:{sys.argv[1]}") as sink:
        for first in range(0, 10**9, 50):
            await sink.write(documents(first, 50))
            print(first + 50, flush=True)

asyncio.run(main())
"""


def documents(first: int, count: int = 10) -> list[Document]:
    return [
        Document(
            id=f"{n:04}",
            type_name="elk_stats.ServiceCall",
            time=TIME,
            index="dms-elk_stats.service_call-2026.11",
            body=b'{"CallID": 1.50, "text": "\\n\xc3\xbc",\n"e": {}}',
        )
        for n in range(first, first + count)
    ]


def ids(file: Path) -> list[int]:
    """Read as any other program would."""
    return [int(json.loads(line)["id"]) for line in file.read_text().splitlines()]


async def stored(sink: FileSink, first: int) -> None:
    assert await sink.write(documents(first)) == [STORED] * 10


async def test_a_document_is_read_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "events.jsonl"
    async with sink_for(f"file:{file}") as sink:
        await sink.write(documents(0))
        assert await sink.count() == {"elk_stats.ServiceCall": 10}
    found = list(documents_in(file))
    flat = b'{"CallID": 1.50, "text": "\\n\xc3\xbc", "e": {}}'
    assert [one.body for one in found] == [flat] * 10
    assert [(o.id, o.type_name, o.time, o.index) for o in found] == [
        (o.id, o.type_name, o.time, o.index) for o in documents(0)
    ]


async def test_it_goes_on_in_a_file_that_is_there(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    for first in (0, 10):
        async with FileSink(f"file:{file}") as sink:
            await stored(sink, first)
    assert ids(file) == list(range(20))


@pytest.mark.parametrize("torn", [b'{"id":"00', b"x" * 200_000])
async def test_half_a_line_is_cut_off_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, torn: bytes
) -> None:
    file = tmp_path / "events.jsonl"
    async with FileSink(f"file:{file}") as sink:
        await stored(sink, 0)
    with file.open("ab") as end:
        end.write(torn)
    assert len(list(documents_in(file))) == 10
    async with FileSink(f"file:{file}") as sink:
        await stored(sink, 10)
    assert ids(file) == list(range(20))
    assert f"the last {len(torn)} bytes are half a line" in caplog.text


async def test_a_killed_process_leaves_every_line_that_it_was_told_of(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    for _ in range(3):
        async with running(sys.executable, "-c", WRITER, file) as writer:
            await until(lambda: writer.out.count("\n") > 20, "it writes", by=writer)
            said = await writer.kill()
        told = int(said.out.splitlines()[-1])
        async with FileSink(f"file:{file}"):
            pass
        assert ids(file)[:told] == list(range(told))
        file.unlink()


async def test_a_full_file_gets_its_last_name(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    async with FileSink(f"file:{file}", rotate_bytes=1000) as sink:
        for first in (0, 10, 20):
            await stored(sink, first)
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    old = [tmp_path / f"events-{day}-{number:04}.jsonl" for number in (1, 2)]
    assert sorted(os.listdir(tmp_path)) == sorted(one.name for one in (*old, file))
    assert [ids(one) for one in (*old, file)] == [list(range(n, n + 10)) for n in (0, 10, 20)]


async def test_the_first_write_of_a_day_begins_a_file(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    async with FileSink(f"file:{file}") as sink:
        await stored(sink, 0)
    os.utime(file, (TIME.timestamp(), TIME.timestamp()))
    async with FileSink(f"file:{file}", rotate_daily=True) as sink:
        await stored(sink, 10)
        await stored(sink, 20)
    assert ids(tmp_path / "events-2026-11-20-0001.jsonl") == list(range(10))
    assert ids(file) == list(range(10, 30))


@pytest.mark.parametrize("keep", [True, False])
async def test_a_file_that_was_moved_or_removed_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, keep: bool
) -> None:
    file, old = tmp_path / "events.jsonl", tmp_path / "old"
    async with FileSink(f"file:{file}") as sink:
        await stored(sink, 0)
        file.rename(old)
        if not keep:
            old.unlink()
        await stored(sink, 10)
    assert ids(file) == list(range(10, 20))
    assert not keep or ids(old) == list(range(10))
    assert "was moved or removed" in caplog.text


async def test_a_second_writer_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    url = f"file:{tmp_path / 'events.jsonl'}"
    async with FileSink(url):
        with pytest.raises(SinkError, match="another process writes to it"):
            await FileSink(url).open()
    async with FileSink(url) as sink:
        await stored(sink, 0)


@contextmanager
def most_bytes(most: int) -> Iterator[None]:
    """As on a full disk: a write beyond this size of a file is cut short, and the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_half_a_batch_on_a_full_disk_is_cut_off_and_written_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "events.jsonl"
    async with FileSink(f"file:{file}") as sink:
        await stored(sink, 0)
        with most_bytes(file.stat().st_size + 100):
            with pytest.raises(SinkError, match=r"events\.jsonl"):
                await sink.write(documents(10))
            assert ids(file) == list(range(10))
        with caplog.at_level(logging.WARNING):
            await stored(sink, 10)
    assert ids(file) == list(range(20))
    assert not caplog.records


async def test_a_folder_that_is_gone_is_an_obstacle_until_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    async with FileSink(f"file:{folder / 'events.jsonl'}") as sink:
        await stored(sink, 0)
        folder.rename(tmp_path / "elsewhere")
        with pytest.raises(SinkError, match="No such file"):
            await sink.write(documents(10))
        folder.mkdir()
        await stored(sink, 10)
    assert ids(folder / "events.jsonl") == list(range(10, 20))


@pytest.mark.parametrize("line", [b"no json\n", b"{}\n", b'{"id":1}\n', b"[" * 5000 + b"\n"])
async def test_a_line_that_is_none_of_ours_is_named(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "events.jsonl"
    async with FileSink(f"file:{file}") as sink:
        await stored(sink, 0)
    with file.open("ab") as end:
        end.write(line)
    with pytest.raises(SinkBrokenError, match="line 11 holds no document"):
        list(documents_in(file))


@pytest.mark.parametrize("url", ["file:", "file://events.jsonl", "file:a\0b"])
def test_a_url_that_names_no_file_says_how_to_write_one(url: str) -> None:
    with pytest.raises(ConfigError, match=r"write file:path or file:///absolute/path"):
        FileSink(url)


def test_a_size_below_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="rotate_bytes"):
        FileSink("file:a", rotate_bytes=0)


async def test_a_folder_at_the_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="Is a directory"):
        await FileSink(f"file:{tmp_path}").open()


async def test_a_sink_that_is_not_open_says_so(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="not open"):
        await FileSink(f"file:{tmp_path / 'e'}").write(documents(0))
