"""The file that is written: whole lines only, on disk when `append` returns, rotated by size and day."""

from __future__ import annotations

import fcntl
import logging
import os
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

from dms_events.errors import SinkError

__all__ = ["Journal"]

_log = logging.getLogger("dms_events")
_CHUNK: Final = 1 << 16


class Journal:
    """Appends to the file at a path. One process writes at a time.

    If the file was moved or removed, the next `append` makes a new one at the path.

    Args:
        path: of the file.
        rotate_bytes: a file of this size or more is renamed before the next append.
        rotate_daily: the first append of a day, in UTC, renames the file too.

    Raises:
        OSError: by the methods: the file cannot be read or written.
        SinkError: another process writes to the file.
    """

    def __init__(self, path: Path, rotate_bytes: int, *, rotate_daily: bool) -> None:
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._rotate_daily = rotate_daily
        self._file = -1
        self._size = 0
        """Bytes of whole lines."""
        self._day = ""

    def open(self) -> None:
        """Open the file, and cut off a last line that a crash left without its end."""
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            _lock(file, self._path)
            size = _whole_lines(file)
            torn = os.fstat(file).st_size - size
            if torn:
                os.ftruncate(file, size)
                _log.warning(
                    "%s: the last %d bytes are half a line, which was not stored; they are cut off",
                    self._path,
                    torn,
                )
            _sync_folder(self._path.parent)
        except BaseException:
            os.close(file)
            raise
        self._file, self._size = file, size
        begun = os.fstat(file).st_mtime if size else datetime.now(UTC).timestamp()
        self._day = f"{datetime.fromtimestamp(begun, UTC):%Y-%m-%d}"

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def append(self, lines: bytes) -> None:
        """Write whole lines; they are on disk when this returns. After an error none of them counts."""
        if self._file >= 0 and not self._is_at_path():
            _log.warning(
                "%s was moved or removed. The lines before went with it; a new file is made",
                self._path,
            )
            self.close()
        if self._file >= 0 and self._is_due():
            self._rotate()
        if self._file < 0:
            self.open()
        try:
            self._write(lines)
            os.fsync(self._file)
        except OSError:
            # What half a write left is cut off: here, or when the file is opened the next time.
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            self.close()
            raise
        if os.fstat(self._file).st_nlink == 0:
            raise OSError("it was removed under the last batch, which is written again")
        self._size += len(lines)

    def _write(self, lines: bytes) -> None:
        left = memoryview(lines)
        while left:
            left = left[os.write(self._file, left) :]

    def _is_at_path(self) -> bool:
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._file))
        except FileNotFoundError:
            return False

    def _is_due(self) -> bool:
        if not self._size:
            return False
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        return self._size >= self._rotate_bytes or (self._rotate_daily and self._day != today)

    def _rotate(self) -> None:
        """Give the file its last name: the day, and a number that is free."""
        for number in count(1):
            name = f"{self._path.stem}-{self._day}-{number:04}{self._path.suffix}"
            target = self._path.with_name(name)
            if not target.exists():
                break
        os.rename(self._path, target)
        _sync_folder(self._path.parent)
        self.close()


def _lock(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise SinkError(
            f"{path}: another process writes to it; give each process a file of its own"
        ) from error


def _whole_lines(file: int) -> int:
    """Return the size of the file up to the end of its last whole line."""
    end = os.fstat(file).st_size
    while end:
        begin = max(0, end - _CHUNK)
        found = os.pread(file, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
