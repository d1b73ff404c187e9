"""Two forms of the table: in the order of arrival, and in the order of ids as older releases made it."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import pytest

from dms_events.report import make_report
from dms_events.sink import Document, Verdict
from dms_events_sqlite import SqliteSink
from tests.kit.stored import sqlite_file

TIME = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TYPE = "elk_stats.NewService"


def documents(numbers: Sequence[int]) -> list[Document]:
    """Their ids come in no order."""
    return [
        Document(
            id=str(uuid5(NAMESPACE_URL, str(n))),
            type_name=TYPE,
            time=TIME,
            index="dms-x-2026.11",
            body=b'{"ServiceID":"s%d"}' % n,
        )
        for n in numbers
    ]


def rows(file: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


@pytest.fixture(params=["new", "of 850eeb0"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file in either form."""
    return tmp_path / "new.db" if request.param == "new" else sqlite_file(tmp_path)


async def test_a_new_file_has_its_documents_in_the_order_of_arrival(tmp_path: Path) -> None:
    """A table in the order of its ids is written all over by each batch."""
    arrived = documents(range(100))
    async with SqliteSink(f"sqlite:{tmp_path / 'new.db'}") as sink:
        for start in range(0, 100, 10):
            await sink.write(arrived[start : start + 10])
    found = rows(tmp_path / "new.db", "SELECT id FROM documents ORDER BY rowid")
    assert found == [(document.id,) for document in arrived]


async def test_a_file_of_either_form_stores_each_id_once(file: Path) -> None:
    async with SqliteSink(f"sqlite:{file}") as sink:
        before = sum((await sink.count()).values())
        await sink.write(documents(range(10)))
    broken = Document(id="broken", type_name=TYPE, time=TIME, index="i", body=b"{")
    async with SqliteSink(f"sqlite:{file}") as sink:
        judged = await sink.write([*documents([3, 10, 10]), broken, *documents([11])])
        assert [one.verdict for one in judged] == [
            Verdict.DUPLICATE,
            Verdict.STORED,
            Verdict.DUPLICATE,
            Verdict.REJECTED,
            Verdict.STORED,
        ]
        assert sum((await sink.count()).values()) == before + 12
    [counted] = rows(file, "SELECT count(*), count(DISTINCT id) FROM documents")
    assert counted == (before + 12, before + 12)


async def test_an_old_file_keeps_its_form_and_its_documents(tmp_path: Path) -> None:
    file = sqlite_file(tmp_path)
    everything = "SELECT * FROM documents ORDER BY id"
    form, before = rows(file, "SELECT sql FROM sqlite_master"), rows(file, everything)
    async with SqliteSink(f"sqlite:{file}") as sink:
        await sink.write(documents(range(10)))
    assert rows(file, "SELECT sql FROM sqlite_master") == form
    assert set(before) < set(rows(file, everything))
    assert rows(file, "PRAGMA integrity_check") == [("ok",)]


async def test_documents_may_have_no_id_in_neither_form(file: Path) -> None:
    """SQLite lets a primary key be NULL, but in a table in the order of that key."""
    async with SqliteSink(f"sqlite:{file}"):
        pass
    with closing(sqlite3.connect(file)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO documents VALUES (NULL, 'a.B', '', 'i', '{}')")


async def test_a_report_is_the_same_of_either_form(tmp_path: Path) -> None:
    """Of the documents of an old file, which are copied into a new one."""
    old, new = sqlite_file(tmp_path), tmp_path / "new.db"
    async with SqliteSink(f"sqlite:{new}"):
        pass
    with closing(sqlite3.connect(new, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS old", (str(old),))
        connection.execute("INSERT INTO documents SELECT * FROM old.documents")
    assert _figures(old) == _figures(new)


def _figures(file: Path) -> list[str]:
    """The page without the time at which it was made."""
    return [line for line in make_report(file).splitlines() if "Made " not in line]


async def test_a_file_of_either_form_gives_an_audit_each_document_once(file: Path) -> None:
    sink = SqliteSink(f"sqlite:{file}")
    async with sink:
        await sink.write(documents(range(4_500)))
    async with sink.inventory() as inventory:
        pages = [page async for page in inventory.documents([TYPE])]
        assert len(pages) > 2
        found = Counter(each.id for page in pages for each in page)
        assert found == {
            id: 1 for (id,) in rows(file, f"SELECT id FROM documents WHERE type = '{TYPE}'")
        }
        assert [page async for page in inventory.documents(["machine.PeerData"])] == []
        [one] = await inventory.find([documents([7])[0].id, "none"], bodies=True)
        assert one.body == b'{"ServiceID":"s7"}'
