"""The documents of a SQLite file, read beside the sinks that write to it."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from dms_events.database import reading
from dms_events.errors import SinkError
from dms_events.sink import Inventory, StoredDocument

__all__ = ["SqliteInventory"]

_PAGE: Final = 2_000
_PAGE_BYTES: Final = 8 << 20
_FIELDS: Final = "id, index_name, time, CAST(json_extract(body, '$.event.ingested') AS TEXT)"


class SqliteInventory(Inventory):
    """Reads the file at a path, each page through a short connection of its own, which may not write.

    So the log of a sink that writes meanwhile does not grow, and each look-up sees the latest documents.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self._rows, "SELECT id FROM documents LIMIT 1", ())
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def documents(
        self, types: Collection[str], *, bodies: bool = False
    ) -> AsyncGenerator[list[StoredDocument], None]:
        key: Any = None
        while True:
            key, page = await asyncio.to_thread(self._page, types, key, bodies)
            if not page:
                return
            yield page

    async def find(self, ids: Collection[str], *, bodies: bool = False) -> list[StoredDocument]:
        sql = f"SELECT {_FIELDS}, body FROM documents WHERE id IN ({_marks(ids)})"
        rows = await asyncio.to_thread(self._rows, sql, ids)
        return [_document(row, bodies) for row in rows]

    def _rows(self, sql: str, given: Collection[str]) -> list[Any]:
        with self._reading() as connection:
            return connection.execute(sql, list(given)).fetchall()

    def _page(
        self, types: Collection[str], after: Any, bodies: bool
    ) -> tuple[Any, list[StoredDocument]]:
        page: list[StoredDocument] = []
        size = 0
        with self._reading() as connection:
            key = _key_of(connection)
            if after is None:
                after = 0 if key == "rowid" else ""
            # The plus sign keeps SQLite from the index by type: the pages are in the order of the key.
            sql = (
                f"SELECT {_FIELDS}, {'body' if bodies else 'NULL'}, {key} FROM documents "
                f"WHERE {key} > ? AND +type IN ({_marks(types)}) ORDER BY {key} LIMIT {_PAGE}"
            )
            for *row, last in connection.execute(sql, [after, *types]):
                after = last
                page.append(_document(row, bodies))
                size += len(page[-1].body)
                if size >= _PAGE_BYTES:
                    break
        return after, page

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with reading(self._path) as connection:
                yield connection
        except sqlite3.Error as error:
            raise SinkError(f"{self._path}: cannot be read: {error}") from error


def _key_of(connection: sqlite3.Connection) -> str:
    """Return the column in whose order the table is: files of older releases have no rowids."""
    try:
        connection.execute("SELECT rowid FROM documents LIMIT 1")
    except sqlite3.OperationalError:
        return "id"
    return "rowid"


def _marks(values: Collection[str]) -> str:
    return ",".join("?" * len(values))


def _document(row: Any, bodies: bool) -> StoredDocument:
    id, index, time, ingested, body = row
    times = [ms for text in (time, ingested) if (ms := _ms(text)) is not None]
    return StoredDocument(
        id=id,
        index=index,
        oldest_ms=min(times, default=None),
        body=body.encode() if bodies else b"",
    )


def _ms(text: str | None) -> int | None:
    try:
        return int(datetime.fromisoformat(text or "").timestamp() * 1000)
    except (ValueError, OverflowError):
        return None
