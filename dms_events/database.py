"""A SQLite file that is read, and never written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

__all__ = ["reading"]


@contextmanager
def reading(file: Path) -> Iterator[sqlite3.Connection]:
    """Connect to a file, which may be on a read-only mount, and close the connection at the end.

    All that is read is of one moment, even while somebody writes. Any thread may use the connection, one
    at a time.

    Raises:
        sqlite3.Error: the file is not there, or is no database.
    """
    uri = f"{file.resolve().as_uri()}?mode=ro"
    if not file.with_name(f"{file.name}-wal").exists() and not _can_write_beside(file):
        # SQLite makes files beside a database in WAL mode. Without a WAL file nobody writes to it.
        uri += "&immutable=1"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    with closing(connection):
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        yield connection


def _can_write_beside(file: Path) -> bool:
    return os.access(file.resolve().parent, os.W_OK)
