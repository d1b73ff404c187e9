"""Write files and folders that get their names only when they are complete."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

__all__ = ["BUFFER_BYTES", "new_directory", "new_file"]

BUFFER_BYTES: Final = 1 << 20
_PREFIX = ".dms-events-"
_SUFFIX = ".partial"
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}


@contextmanager
def new_file(target: Path) -> Iterator[IO[bytes]]:
    """Yield a file to write. It gets its name if the block succeeds, and is removed if it fails.

    Raises:
        FileExistsError: something exists at ``target``.
    """
    _refuse_existing(target)
    handle, partial = tempfile.mkstemp(_SUFFIX, _PREFIX, target.parent)
    try:
        with open(handle, "wb", BUFFER_BYTES) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _name(Path(partial), target)
    except BaseException:
        os.unlink(partial)
        raise
    _sync(target.parent)


@contextmanager
def new_directory(target: Path) -> Iterator[Path]:
    """Yield a temporary folder to fill. It is renamed to ``target`` if the block succeeds, else removed.

    The caller must sync the files to the disk. The folders are synced here.

    Raises:
        FileExistsError: something exists at ``target``.
    """
    _refuse_existing(target)
    partial = tempfile.mkdtemp(_SUFFIX, _PREFIX, target.parent)
    try:
        yield Path(partial)
        for folder, _, _ in os.walk(partial):
            _sync(folder)
        _refuse_existing(target)
        os.rename(partial, target)  # replaces at most an empty folder
    except BaseException:
        shutil.rmtree(partial)
        raise
    _sync(target.parent)


def _refuse_existing(target: Path) -> None:
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, "exists, and is not replaced", str(target))


def _name(partial: Path, target: Path) -> None:
    """Name the file by a hard link: it refuses an existing target, while a rename would replace it."""
    try:
        os.link(partial, target)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _refuse_existing(target)
        os.rename(partial, target)
    else:
        os.unlink(partial)


def _sync(folder: str | Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
