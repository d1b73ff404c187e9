"""The file of the SQLite sink, and whether the opened file is still at its path."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

__all__ = ["DatabaseFile"]

_log = logging.getLogger("dms_events")


class DatabaseFile:
    """The database at a path with its write-ahead log, told from other files that may appear there.

    SQLite goes on writing into a file that was moved or removed. This class opens no file to look at
    it: closing the file again would drop SQLite's locks on it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._index = path.with_name(path.name + "-shm")
        self._opened: tuple[object, object] = (None, None)
        self._index_opened: object = None

    @property
    def known(self) -> bool:
        """True if a file was opened."""
        return self._opened[0] is not None

    def look(self) -> None:
        """Remember the file that was opened just now."""
        self._opened = (_identity(self._path), _identity(self._wal))
        self._index_opened = _identity(self._index)

    @property
    def gone(self) -> bool:
        """True if the opened database or its log is not at the path any more."""
        return (_identity(self._path), _identity(self._wal)) != self._opened

    def leave(self, connection: sqlite3.Connection) -> None:
        """Close the connection. If the file was moved, its log is written into it; SQLite would not."""
        try:
            if self.gone:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                self._remove_log()
        except sqlite3.Error as error:
            _log.error("what the log of %s held is lost: %s", self._path, error)
        finally:
            connection.close()

    def _remove_log(self) -> None:
        """Remove the log of the old file: a new file at the path must not take it for its own."""
        for file, opened in ((self._wal, self._opened[1]), (self._index, self._index_opened)):
            if opened is not None and _identity(file) == opened:
                file.unlink(missing_ok=True)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
