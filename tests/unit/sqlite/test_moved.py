"""The file under the sink is moved, removed or damaged; and which file a URL means."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dms_events import ConfigError, SinkBrokenError, SinkError
from dms_events.sink import Document, Verdict
from dms_events_sqlite import SqliteSink


def documents(first: int, count: int = 10) -> list[Document]:
    return [
        Document(
            id=f"{n:04}",
            type_name="a.B",
            time=datetime(2026, 11, 20, tzinfo=UTC),
            index="i",
            body=b"{}",
        )
        for n in range(first, first + count)
    ]


def ids(file: Path) -> list[int]:
    """Looked at as somebody with the sqlite3 command does, who has no log that lies elsewhere."""
    with closing(sqlite3.connect(file)) as connection:
        return [int(id) for (id,) in connection.execute("SELECT id FROM documents ORDER BY id")]


async def stored(sink: SqliteSink, first: int) -> None:
    assert {v.verdict for v in await sink.write(documents(first))} == {Verdict.STORED}


def moved(file: Path) -> Path:
    """As ``mv`` moves it: its log stays behind."""
    return file.rename(file.with_name("rotated.db"))


def moved_with_log(file: Path) -> Path:
    for suffix in ("-wal", "-shm"):
        Path(f"{file}{suffix}").rename(file.with_name(f"rotated.db{suffix}"))
    return moved(file)


@pytest.mark.parametrize("move", [moved, moved_with_log])
async def test_a_file_that_was_moved_has_what_came_before_and_the_new_one_what_comes_after(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, move: Callable[[Path], Path]
) -> None:
    file = tmp_path / "events.db"
    async with SqliteSink(f"sqlite:{file}") as sink:
        await stored(sink, 0)
        with caplog.at_level(logging.WARNING):
            old = move(file)
            await stored(sink, 10)
        assert f"{file} was moved or removed" in caplog.text
        await stored(sink, 20)
        assert ids(file) == list(range(10, 30))
        assert ids(old) == list(range(10))
    assert ids(file) == list(range(10, 30))
    assert ids(old) == list(range(10))


async def test_a_file_that_was_moved_before_the_sink_is_closed_has_everything(
    tmp_path: Path,
) -> None:
    file = tmp_path / "events.db"
    async with SqliteSink(f"sqlite:{file}") as sink:
        await stored(sink, 0)
        old = moved(file)
    assert ids(old) == list(range(10))
    assert os.listdir(tmp_path) == [old.name], "it would be taken for the log of a new file"


async def test_a_file_that_was_removed_is_made_again_and_has_all_that_is_judged_stored_after(
    tmp_path: Path,
) -> None:
    file = tmp_path / "events.db"
    async with SqliteSink(f"sqlite:{file}") as sink:
        for turn, suffixes in enumerate((("", "-wal", "-shm"), ("",))):
            await stored(sink, 0)
            for suffix in suffixes:
                os.unlink(f"{file}{suffix}")
            await stored(sink, 100 + turn)
            assert ids(file) == list(range(100 + turn, 110 + turn))
            os.unlink(file)


async def test_a_log_that_was_removed_takes_nothing_with_it(tmp_path: Path) -> None:
    file = tmp_path / "events.db"
    async with SqliteSink(f"sqlite:{file}") as sink:
        await stored(sink, 0)
        os.unlink(f"{file}-wal")
        await stored(sink, 10)
        assert ids(file) == list(range(20))


async def test_two_sinks_follow_a_file_that_was_moved(tmp_path: Path) -> None:
    file = tmp_path / "events.db"
    async with SqliteSink(f"sqlite:{file}") as one, SqliteSink(f"sqlite:{file}") as other:
        await stored(one, 0)
        await stored(other, 10)
        old = moved(file)
        await stored(one, 20)
        await stored(other, 30)
        await stored(one, 40)
        assert ids(file) == list(range(20, 50))
    assert ids(file) == list(range(20, 50))
    assert ids(old) == list(range(20))


async def test_a_folder_that_was_removed_is_an_obstacle_until_it_is_there_again(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mounted" / "events.db"
    async with SqliteSink(f"sqlite:{file}") as sink:
        await stored(sink, 0)
        shutil.rmtree(file.parent)
        for _ in range(2):
            with pytest.raises(SinkError) as caught:
                await sink.write(documents(10))
            assert not isinstance(caught.value, SinkBrokenError)
        file.parent.mkdir()
        await stored(sink, 10)
        assert ids(file) == list(range(10, 20))


def damaged(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.write(b"\x99" * file.stat().st_size)


def emptied_of_its_table(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TABLE documents")


@pytest.mark.parametrize("spoil", [damaged, emptied_of_its_table])
async def test_a_file_that_no_waiting_mends_is_said_to_be_broken(
    tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    file = tmp_path / "events.db"
    async with SqliteSink(f"sqlite:{file}") as sink:
        await stored(sink, 0)
    async with SqliteSink(f"sqlite:{file}") as sink:
        spoil(file)
        with pytest.raises(SinkBrokenError, match="Move the file away"):
            await sink.write(documents(10))


async def test_a_file_that_is_full_of_something_else_is_broken_from_the_start(
    tmp_path: Path,
) -> None:
    (tmp_path / "text").write_text("no database" * 1000)
    sink = SqliteSink(f"sqlite:{tmp_path / 'text'}")
    with pytest.raises(SinkBrokenError, match="not a database"):
        await sink.open()
    await sink.close()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:data#1.db", "data#1.db"),
        ("sqlite:what?.db", "what?.db"),
        ("sqlite:a%20b.db", "a%20b.db"),
        ("sqlite:50%.db", "50%.db"),
        ("sqlite:sub/../x;y.db", "sub/../x;y.db"),
        ("sqlite::memory:", ":memory:"),
    ],
)
def test_a_path_means_what_it_means_in_a_shell(
    url: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert SqliteSink(url).path == tmp_path / name


def test_a_tilde_is_the_home_of_whoever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert SqliteSink("sqlite:~/x.db").path == tmp_path / "x.db"
    with pytest.raises(ConfigError, match="write the whole path"):
        SqliteSink("sqlite:~nobody-of-this-name/x.db")


def test_a_url_with_slashes_is_read_as_a_url() -> None:
    assert SqliteSink("sqlite:///data/a%20b#1.db").path == Path("/data/a b#1.db")


@pytest.mark.parametrize("url", ["sqlite:", "sqlite://host/x.db", "sqlite://", "sqlite:a\0b"])
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="names no file"):
        SqliteSink(url)
