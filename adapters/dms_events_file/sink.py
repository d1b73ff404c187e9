"""The file sink: a recording of events as lines of JSON, for files that other programs read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path
from typing import TypeVar

from dms_events.errors import ConfigError, SinkError
from dms_events.sink import STORED, Document, ReadableSink, SinkThread, SinkVerdict, path_of

from .journal import Journal
from .lines import documents_in, encoded, lines_in, types_in

__all__ = ["FileSink"]

R = TypeVar("R")


class FileSink(ReadableSink):
    """Appends each document as a line ``{"id", "type", "time", "index", "document"}``.

    A document that is judged stored is on disk (``fsync``). A document that is written twice, since an
    answer or an acknowledgement was lost, stands twice in the file, under the same ``id``. Half a line
    that a crash left is cut off when the file is opened again.

    The file at the path is the one that is written. A full one is renamed to ``events-2026-11-28-0001``
    with its suffix, and is never written again. Files are never deleted. One process writes to a file.

    Args:
        url: ``file:events.jsonl`` with a path as in a shell, or ``file:///absolute/events.jsonl``, where
            ``%20`` is a space.
        rotate_bytes: a file of this size is renamed, and a new one begun; at least 1.
        rotate_daily: the first write of a day, in UTC, begins a new file too.

    Raises:
        ConfigError: the URL names no file, or ``rotate_bytes`` is below 1.
    """

    def __init__(
        self, url: str, *, rotate_bytes: int = 1 << 30, rotate_daily: bool = False
    ) -> None:
        if rotate_bytes < 1:
            raise ConfigError("rotate_bytes", f"must be at least 1, not {rotate_bytes}")
        self.path = path_of(url)
        self._journal = Journal(self.path, rotate_bytes, rotate_daily=rotate_daily)
        self._thread = SinkThread("file")

    async def open(self) -> None:
        """Open the file; make it, and its folder, if they are missing.

        Raises:
            SinkError: the file cannot be written, or another process writes to it.
        """
        with translated(self.path):
            await self._thread.open(self._open)

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._journal.open()

    async def write(self, batch: Sequence[Document]) -> Sequence[SinkVerdict]:
        await self._call(lambda: self._journal.append(encoded(batch)))
        return [STORED] * len(batch)

    async def count(self) -> dict[str, int]:
        """Return the number of lines in the file at the path, by type name; not in those renamed.

        Raises:
            SinkBrokenError: a line of the file is no document.
        """
        return await self._call(lambda: dict(Counter(types_in(self.path))))

    def documents(self) -> Iterator[Document]:
        """Yield the documents of the renamed files, the oldest first, and of the file at the path.

        Raises:
            SinkError: the file at the path is not there, or cannot be read.
            SinkBrokenError: a line is no document.
        """
        for file in self._files():
            with translated(file):
                yield from documents_in(file)

    def total(self) -> int:
        return sum(map(self._lines, self._files()))

    @staticmethod
    def _lines(file: Path) -> int:
        with translated(file):
            return lines_in(file)

    def _files(self) -> list[Path]:
        path = self.path
        renamed = path.parent.glob(f"{escape(path.stem)}-????-??-??-*{escape(path.suffix)}")
        return [*sorted(renamed), path]

    async def close(self) -> None:
        with translated(self.path):
            await self._thread.close(self._journal.close)

    async def _call(self, function: Callable[[], R]) -> R:
        with translated(self.path):
            return await self._thread.call(function)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise an error of the system as a SinkError that names the file."""
    try:
        yield
    except OSError as error:
        raise SinkError(f"{path}: {error}") from error
