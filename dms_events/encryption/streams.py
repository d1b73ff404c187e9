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
    """The files that pyrage reads and writes. It remembers an error of either.

    pyrage turns such an error into text, or loses it if the last bytes could not be written.
    """

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self._source = source
        self._sink = sink
        self._failure: Exception | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        """Return some bytes of the source."""
        self.check()
        try:
            return self._source.read(-1 if size is None else size)
        except Exception as error:
            self._failure = error
            raise

    def write(self, data: ReadableBuffer, /) -> int:
        """Write some bytes to the sink."""
        self.check()
        try:
            return self._sink.write(data)
        except Exception as error:
            self._failure = error
            raise

    def stop(self) -> None:
        """Make the next read or write fail."""
        # Not an InterruptedError: pyrage would try again for ever.
        self._failure = OSError(errno.ECANCELED, "stopped")

    def check(self) -> None:
        """Raise the error of a read or write, if there was one."""
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
    """Yield the output of ``work`` on ``source``, as a file to read while it is written.

    Output that the block leaves unread is read and dropped, so ``work`` comes to its end or its error.
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
            # The output made no sense, perhaps because it was cut by an error of ``work``.
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
