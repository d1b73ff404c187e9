"""The SQLite sink: documents in one file, for a place without Elasticsearch."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from time import monotonic, sleep
from typing import TypeVar

from dms_events.errors import SinkBrokenError, SinkError
from dms_events.sink import (
    STORED,
    Document,
    ReadableSink,
    SinkThread,
    SinkVerdict,
    SupportsInventory,
    Verdict,
    path_of,
)

from .file import DatabaseFile
from .inventory import SqliteInventory
from .reading import documents_in, total_of

__all__ = ["SqliteSink"]

R = TypeVar("R")

_log = logging.getLogger("dms_events")
_BUSY_S = 0.01
_DUPLICATE = SinkVerdict(Verdict.DUPLICATE)
_CACHE_KIB = 16_384
"""Room for the pages of one batch; with less, SQLite writes pages before the batch is whole."""
_LOG_BYTES = 16 << 20
"""The write-ahead log is cut to this size after its pages are in the database. Without a limit it keeps
the size that it had while a reader held it up."""
_PRIMARY = 0xFF
"""The bits of an extended error code that tell the kind of error."""
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
"""Errors that waiting does not mend: a damaged file, no database, another table."""

# Ids made of source and ID come in no order: in a table without rowids they would scatter the bodies.
# Files of earlier releases have such a table and keep it; every statement works on both.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id         TEXT NOT NULL PRIMARY KEY,
    type       TEXT NOT NULL,
    time       TEXT NOT NULL,
    index_name TEXT NOT NULL,
    body       TEXT NOT NULL CHECK (json_valid(body))
);
CREATE INDEX IF NOT EXISTS documents_by_type_and_time ON documents (type, time);
"""
_INSERT = "INSERT INTO documents VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"


class SqliteSink(ReadableSink, SupportsInventory):
    """Stores documents in the table ``documents`` of one file; ``body`` is JSON to query.

    A batch is one transaction. A document judged stored is on disk (WAL, ``synchronous=FULL``).
    The same id is stored once. Several processes may write to one file; SQLite serialises them.

    If the file was moved or removed, the sink notices it with the next batch. The old documents stay in
    the old file, and a new file is made at the path. Only a document in the file at the path is judged
    stored.

    Args:
        url: ``sqlite:path.db`` with a path as in a shell, relative or absolute or in ``~``; or
            ``sqlite:///absolute/path.db``, where ``%20`` is a space.
        busy_timeout_s: how long a write waits for the write of another process.
    """

    def __init__(self, url: str, *, busy_timeout_s: float = 30.0) -> None:
        self.path = path_of(url)
        self._busy_timeout_s = busy_timeout_s
        self._thread = SinkThread("SQLite")
        self._connection: sqlite3.Connection | None = None
        self._file = DatabaseFile(self.path)

    async def open(self) -> None:
        """Open the file; make it if it is missing.

        Raises:
            SinkError: the file cannot be opened, or is no database.
        """
        with self._translated():
            await self._thread.open(self._open)

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        return await self._call(lambda: self._insert(batch))

    async def count(self) -> dict[str, int]:
        return await self._call(
            lambda: dict(
                self._opened().execute("SELECT type, count(*) FROM documents GROUP BY type")
            )
        )

    def documents(self) -> Iterator[Document]:
        return documents_in(self.path)

    def total(self) -> int:
        return total_of(self.path)

    def inventory(self) -> SqliteInventory:
        """Return the documents, to read in ``async with``; the sink may be open or not."""
        return SqliteInventory(self.path)

    async def close(self) -> None:
        with self._translated():
            await self._thread.close(self._leave)

    async def _call(self, function: Callable[[], R]) -> R:
        with self._translated():
            return await self._thread.call(function)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            if getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _BROKEN:
                raise SinkBrokenError(
                    f"{self.path}: {error}. Move the file away and start again, which makes a new one; "
                    "sqlite3's .recover saves what is left in it"
                ) from error
            raise SinkError(f"{self.path}: {error}") from error

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = self._connect()
        self._file.look()

    def _leave(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._file.leave(connection)

    def _at_path(self) -> sqlite3.Connection:
        """The connection to the file at the path; made anew if the opened file is not there any more."""
        if self._connection is None:
            if not self._file.known:
                raise sqlite3.ProgrammingError("not open")
        elif self._file.gone:
            _log.warning(
                "%s was moved or removed. What was stored before went with it; a new file is made",
                self.path,
            )
            self._leave()
        if self._connection is None:
            self._connection = self._connect()
            self._file.look()
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            self._use_wal(connection)
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
            connection.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Switch to WAL. SQLite itself does not wait for another process that switches, too."""
        deadline = monotonic() + self._busy_timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or monotonic() > deadline:
                    raise
                sleep(_BUSY_S)
            else:
                return

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("not open")
        return self._connection

    def _insert(self, batch: Sequence[Document]) -> list[SinkVerdict]:
        connection = self._at_path()
        connection.execute("BEGIN IMMEDIATE")
        try:
            cursor = connection.cursor()
            verdicts = [self._insert_one(cursor, document) for document in batch]
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        if self._file.gone:
            raise OSError("it was moved or removed under the last batch, which is written again")
        return verdicts

    def _insert_one(self, cursor: sqlite3.Cursor, document: Document) -> SinkVerdict:
        time = document.time.astimezone(UTC).isoformat(timespec="microseconds")
        try:
            row = (
                document.id,
                document.type_name,
                time.replace("+00:00", "Z"),
                document.index,
                document.body.decode(),
            )
            stored = cursor.execute(_INSERT, row).rowcount
        except (sqlite3.IntegrityError, sqlite3.DataError, UnicodeError) as error:
            return SinkVerdict(Verdict.REJECTED, str(error))
        return STORED if stored else _DUPLICATE
