"""The embedded sink: one file, each id once, a verdict for each document."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from dms_events import ConfigError, SinkError
from dms_events.sink import Document, Verdict
from dms_events_sqlite import SqliteSink

TIME = datetime(2026, 11, 20, 12, 0, 0, 5, UTC)
WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from dms_events.sink import Document, Verdict
from dms_events_sqlite import SqliteSink

async def main():
    stored = 0
    async with SqliteSink(sys.argv[1]) as sink:
        for start in range(0, 500, 10):
            batch = [
                Document(id=str(n), type_name="a.B", time=datetime.now(UTC), index="i", body=b"{}")
                for n in range(start, start + 10)
            ]
            judged = await sink.write(batch)
            stored += sum(one.verdict is Verdict.STORED for one in judged)
    print(stored)

asyncio.run(main())
"""


def document(
    id: str, body: bytes = b'{"CPU":1.5}', *, type_name: str = "elk_stats.NewService"
) -> Document:
    return Document(id=id, type_name=type_name, time=TIME, index="dms-x-2026.11", body=body)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
async def sink(file: Path) -> AsyncIterator[SqliteSink]:
    async with SqliteSink(f"sqlite://{file}") as sink:
        yield sink


async def verdicts(sink: SqliteSink, *documents: Document) -> list[Verdict]:
    return [judgement.verdict for judgement in await sink.write(documents)]


def rows(file: Path, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(file)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def test_an_id_is_stored_once(sink: SqliteSink, file: Path) -> None:
    assert await verdicts(sink, document("a"), document("b"), document("a")) == [
        Verdict.STORED,
        Verdict.STORED,
        Verdict.DUPLICATE,
    ]
    assert await verdicts(sink, document("b", b'{"CPU":9}'), document("c")) == [
        Verdict.DUPLICATE,
        Verdict.STORED,
    ]
    assert await verdicts(sink) == []
    found = rows(file, "SELECT id, body FROM documents ORDER BY id")
    assert found == [(id, '{"CPU":1.5}') for id in "abc"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"noise",
        b"\xff\xfe",
        b'{"CPU":NaN}',
        b"{'a':1}",
    ],
)
async def test_a_body_that_is_no_json_is_rejected_alone(sink: SqliteSink, body: bytes) -> None:
    first, bad, last = await sink.write([document("a"), document("b", body), document("c")])
    assert (first.verdict, last.verdict) == (Verdict.STORED, Verdict.STORED)
    assert bad.verdict is Verdict.REJECTED
    assert bad.reason
    assert await verdicts(sink, document("b")) == [Verdict.STORED]


async def test_an_id_that_is_no_text_is_rejected_alone(sink: SqliteSink) -> None:
    assert await verdicts(sink, document("a"), document("\ud800"), document("c")) == [
        Verdict.STORED,
        Verdict.REJECTED,
        Verdict.STORED,
    ]


async def test_it_survives_being_opened_again(file: Path) -> None:
    for expected in (Verdict.STORED, Verdict.DUPLICATE):
        async with SqliteSink(f"sqlite://{file}") as sink:
            assert await verdicts(sink, document("a")) == [expected]
    async with SqliteSink(f"sqlite://{file}") as sink:
        assert await sink.count() == {"elk_stats.NewService": 1}


async def test_it_counts_by_type(sink: SqliteSink) -> None:
    assert await sink.count() == {}
    await sink.write([document("a"), document("b"), document("c", type_name="elk_stats.Other")])
    assert await sink.count() == {"elk_stats.NewService": 2, "elk_stats.Other": 1}


async def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    for number in range(30):
        sinks = [SqliteSink(f"sqlite://{tmp_path / str(number)}") for _ in range(8)]
        await asyncio.gather(*(sink.open() for sink in sinks))
        for sink in sinks:
            assert await sink.count() == {}
            await sink.close()


async def test_two_processes_store_each_id_once(file: Path) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, f"sqlite://{file}", stdout=asyncio.subprocess.PIPE
        )
        for _ in range(2)
    ]
    outputs = await asyncio.gather(*(process.communicate() for process in processes))
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(int(out) for out, _ in outputs) == 500
    assert rows(file, "SELECT count(*), count(DISTINCT id) FROM documents") == [(500, 500)]


async def test_what_was_judged_stored_is_in_the_file_at_once(sink: SqliteSink, file: Path) -> None:
    await sink.write([document("a")])
    assert rows(file, "SELECT id FROM documents") == [("a",)]
    assert rows(file, "PRAGMA journal_mode") == [("wal",)]


async def test_documents_are_queried_with_json_functions(sink: SqliteSink, file: Path) -> None:
    body = {"CPU": 2.5, "dms": {"peer_id": "żółć"}, "text": 'a "b" \u0000 \u2028 🚀'}
    ahead = datetime(2026, 11, 20, 14, 0, 0, 5, timezone(timedelta(hours=2)))
    await sink.write(
        [
            document("a", json.dumps(body).encode()),
            Document(id="b", type_name="elk_stats.X", time=ahead, index="i", body=b'{"CPU":0.5}'),
        ]
    )
    assert rows(file, "SELECT sum(json_extract(body, '$.CPU')) FROM documents") == [(3.0,)]
    assert rows(
        file, "SELECT json_extract(body, '$.dms.peer_id'), type, index_name FROM documents LIMIT 1"
    ) == [("żółć", "elk_stats.NewService", "dms-x-2026.11")]
    assert rows(file, "SELECT DISTINCT time FROM documents") == [("2026-11-20T12:00:00.000005Z",)]


async def test_a_path_that_cannot_be_written_is_a_sink_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder, and no database" * 100)
    for path in (tmp_path / "file" / "x.db", tmp_path, tmp_path / "file"):
        sink = SqliteSink(f"sqlite://{path}")
        with pytest.raises(SinkError, match=str(path)):
            await sink.open()
        await sink.close()


async def test_a_sink_that_is_not_open_is_a_sink_error(file: Path) -> None:
    sink = SqliteSink(f"sqlite://{file}")
    with pytest.raises(SinkError):
        await sink.write([document("a")])
    await sink.open()
    await sink.close()
    await sink.close()
    with pytest.raises(SinkError):
        await sink.write([document("a")])


async def test_a_file_in_use_is_a_sink_error_after_the_timeout(file: Path) -> None:
    async with SqliteSink(f"sqlite://{file}", busy_timeout_s=0.1) as sink:
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SinkError, match="locked"):
            await sink.write([document("a")])
        other.execute("ROLLBACK")
        other.close()
        assert await verdicts(sink, document("a")) == [Verdict.STORED]


async def test_folders_are_made_and_a_path_is_unquoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for url, path in [
        ("sqlite:relative.db", tmp_path / "relative.db"),
        (f"sqlite://{tmp_path}/new/folder/a%20b.db", tmp_path / "new" / "folder" / "a b.db"),
    ]:
        async with SqliteSink(url) as sink:
            await sink.write([document("a")])
        assert path.exists()


@pytest.mark.parametrize("url", ["sqlite:", "sqlite://", "sqlite://host/path.db"])
def test_a_url_without_a_file_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match="sqlite:path"):
        SqliteSink(url)


async def test_the_log_that_a_reader_held_up_is_cut_afterwards(
    file: Path, sink: SqliteSink
) -> None:
    log = file.with_name("events.db-wal")
    body = b'"' + b"x" * 1_000_000 + b'"'
    await verdicts(sink, document("first"))
    with sqlite3.connect(file) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM documents").fetchone()
        await verdicts(sink, *(document(f"held-up-{n}", body) for n in range(30)))
        assert log.stat().st_size > 24 << 20
    reader.close()
    await verdicts(sink, *(document(f"after-{n}", body) for n in range(6)))
    await verdicts(sink, document("last"))
    assert log.stat().st_size <= 16 << 20
