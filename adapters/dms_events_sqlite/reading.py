"""The documents of a SQLite file, read without changing it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from dms_events.database import reading
from dms_events.errors import SinkError
from dms_events.sink import Document

__all__ = ["documents_in", "total_of"]

_ALL = "SELECT id, type, time, index_name, body FROM documents"


def documents_in(path: Path) -> Iterator[Document]:
    """Yield all documents of a file, one row at a time.

    Raises:
        SinkError: the file is not there, or is none of ours.
    """
    with _reading(path) as connection:
        for id, type_name, time, index, body in connection.execute(_ALL):
            yield Document(
                id=id,
                type_name=type_name,
                time=datetime.fromisoformat(time),
                index=index,
                body=body.encode(),
            )


def total_of(path: Path) -> int:
    """Return the number of documents of a file; raises as `documents_in`."""
    with _reading(path) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM documents")
        return int(count)


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with reading(path) as connection:
            yield connection
    except (sqlite3.Error, ValueError) as error:
        raise SinkError(f"{path}: cannot be read: {error}") from error
