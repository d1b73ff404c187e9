"""Streams of a shell that are closed, full, or cannot show a character; and what may be given inline."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import dms_events
from dms_events_nats import NatsServer
from tests.kit.go.toolchain import missing, program
from tests.kit.programs.command import answer, complaint
from tests.kit.programs.processes import CLI, Finished, run
from tests.kit.storing import forward, prepared

SNOWMAN = '{"ServiceID":"\N{SNOWMAN}","Timestamp":1.0}'


async def in_shell(script: str, *words: object, **env: str) -> Finished:
    """Run a line of sh, in which ``"$@"`` is the command with ``words``."""
    return await run("sh", "-c", script, "sh", *CLI, *words, env=env)


@pytest.mark.parametrize("words", [("publish", "ServiceCall"), ("explain", "ServiceCall")])
async def test_a_closed_standard_input_is_one_line(words: tuple[str, ...]) -> None:
    done = await in_shell('"$@" <&-', *words)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("dms-events: -: standard input is closed; give the JSON, or ")
    assert done.err.count("\n") == 1


async def test_a_full_disk_behind_the_output_is_one_line() -> None:
    done = await in_shell('"$@" > /dev/full', "types")
    assert (done.code, done.err) == (1, "dms-events: standard output: No space left on device\n")


async def test_a_closed_standard_output_is_no_error() -> None:
    done = await in_shell('"$@" >&-', "types")
    assert (done.code, done.err) == (0, "")


async def test_a_terminal_that_cannot_show_a_character_gets_a_question_mark() -> None:
    done = await run(*CLI, "explain", "ServiceRemove", SNOWMAN, env={"PYTHONIOENCODING": "ascii"})
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[-1] == 'value   {"ServiceID":"?","Timestamp":1.0}'


async def test_explain_reads_a_document_given_inline() -> None:
    assert "read by the fast path" in await answer("explain", "ServiceRemove", SNOWMAN)
    refused = await run(*CLI, "explain", "ServiceRemove", "[]")
    assert "expected object, got array" in refused.err


@pytest.fixture
async def stored(nats_server: NatsServer, database: Path) -> Path:
    """A database that a sink closed."""
    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.sink_for(f"sqlite:{database}") as sink,
    ):
        await bus.publish_many(prepared(bus, 3))
        await forward(bus, sink)
    return database


async def test_report_writes_the_page_to_standard_output(stored: Path) -> None:
    page = await answer("report", stored, "--to", "-")
    assert page.startswith("<!DOCTYPE html>")
    assert "ServiceCall" in page
    assert not Path("-").exists()  # noqa: ASYNC240


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (("report", "{}", "--to", "page.html"), "page.html"),
        (("sink", "backfill", "--from", "sqlite:{}", "--to", "file:events.jsonl"), "events.jsonl"),
    ],
)
async def test_a_closed_database_on_a_read_only_mount_is_read(
    stored: Path, tmp_path: Path, words: tuple[str, ...], made: str
) -> None:
    unshare = program("unshare", "it comes with util-linux")
    folder = tmp_path / "mounted"
    folder.mkdir()
    shutil.copy(stored, folder / "events.db")
    with closing(sqlite3.connect(folder / "events.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    mounted = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    words = tuple(word.format(folder / "events.db") for word in words)
    done = await run(unshare, "-m", "sh", "-c", mounted, folder, *CLI, *words, cwd=tmp_path)
    if "ermission denied" in done.err or "not permitted" in done.err:
        missing("the right to mount", "run the tests as root, or in a container that may")
    assert (done.code, done.err) == (0, "")
    assert "ServiceCall" in (tmp_path / made).read_text()


async def test_report_of_a_missing_database_is_one_line(tmp_path: Path) -> None:
    assert "does not exist" in await complaint("report", tmp_path / "none.db", "--to", "-")
