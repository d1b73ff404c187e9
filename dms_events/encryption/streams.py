"""Run pyrage in a thread of its own, on files of this process.

In the main thread Ctrl-C could strike between pyrage and a file, and pyrage would swallow it.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from ..errors import DecryptError
from .targets import BUFFER_BYTES

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = ["WatchedFiles", "finish", "pull"]


class WatchedFiles(io.BufferedIOBase):
    """Where pyrage reads and where it writes; remembers what failed there.

    pyrage turns such an error into text, or loses it where it happens to the last bytes written.
    """

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source = source
        self._sink = sink
        self._failure: Exception | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        """Some of the source."""
        self.check()
        try:
            return self._source.read(-1 if size is None else size)
        except Exception as error:
            self._failure = error
            raise

    def write(self, data: ReadableBuffer, /) -> int:
        """Some for the sink."""
        self.check()
        try:
            return self._sink.write(data)
        except Exception as error:
            self._failure = error
            raise

    def stop(self) -> None:
        """Let the next read or write fail."""
        # Not an InterruptedError: after that one pyrage would try again for ever.
        self._failure = OSError(errno.ECANCELED, "stopped")

    def check(self) -> None:
        """Raise what failed, if anything did."""
        if self._failure is not None:
            raise self._failure


def finish(files: WatchedFiles, work: Callable[[WatchedFiles], None]) -> None:
    """Run ``work`` on these files to its end; Ctrl-C stops it."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(_honest, files, work)
        try:
            future.result()
        except BaseException:
            files.stop()
            raise


@contextmanager
def pull(source: IO[bytes], work: Callable[[WatchedFiles], None]) -> Iterator[IO[bytes]]:
    """What ``work`` makes of ``source``, as a file to read while it is made.

    What the block leaves unread is made and dropped, so that ``work`` comes to its end or to its error.
    """
    read_end, write_end = os.pipe()
    with (
        open(read_end, "rb", BUFFER_BYTES) as reader,
        open(write_end, "wb", BUFFER_BYTES) as writer,
        ThreadPoolExecutor(1) as pool,
    ):
        files = WatchedFiles(source, writer)

        def run() -> None:
            with writer:
                _honest(files, work)

        future = pool.submit(run)
        try:
            with reader:
                yield reader
                while reader.read(BUFFER_BYTES):
                    pass
        except DecryptError:
            # What was read makes no sense, perhaps because it is not all of it.
            reason = future.exception()
            if reason is None or isinstance(reason, BrokenPipeError):
                raise
            raise reason from None
        future.result()


def _honest(files: WatchedFiles, work: Callable[[WatchedFiles], None]) -> None:
    try:
        work(files)
    finally:
        files.check()
