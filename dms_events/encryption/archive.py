"""Pack a folder into a tar archive that is written while it is read."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from ..errors import EncryptError
from .targets import BUFFER_BYTES

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["DEPTH", "leads_out", "packed", "refuse_inside"]

DEPTH: Final = 100
"""Most levels of nested folders: to remove a tree, Python needs a frame and a handle for each level."""
_END = bytes(2 * tarfile.BLOCKSIZE)


def leads_out(link: str, depth: int) -> bool:
    """True if a symlink ``depth`` folders below the top may lead out of it, also through other links.

    A link with ``..`` only at its start and at most ``depth`` times cannot: the folders above are real.
    """
    parts = [part for part in link.split("/") if part not in ("", ".")]
    down = [part for part in parts if part != ".."]
    ups = len(parts) - len(down)
    return not link or link.startswith("/") or ups > depth or parts[ups:] != down


def refuse_inside(folder: Path, target: Path) -> None:
    """Raises: EncryptError: ``target`` would be within ``folder``, and so become part of itself."""
    if target.parent.resolve().is_relative_to(folder.resolve()):
        raise EncryptError(f"{str(target)!r} is inside {str(folder)!r}, the folder to encrypt")


@contextmanager
def packed(folder: Path) -> Iterator[IO[bytes]]:
    """Yield the archive of all entries of ``folder``, a file that can be read once.

    Reading raises OSError or EncryptError if an entry cannot be packed.
    """
    with closing(_blocks(folder)) as blocks:
        yield io.BufferedReader(_Reader(blocks), BUFFER_BYTES)


class _Reader(io.RawIOBase):
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        space = memoryview(buffer)
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        size = min(len(space), len(self._rest))
        space[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def _blocks(folder: Path) -> Generator[bytes, None, None]:
    waiting = _inside(folder, "")
    while waiting:
        path, name = waiting.pop()
        if name.count("/") >= DEPTH:
            raise EncryptError(f"{path!r} is nested deeper than {DEPTH} folders")
        status = os.lstat(path)
        header = tarfile.TarInfo(name)
        header.mtime = int(status.st_mtime)
        header.mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISREG(status.st_mode):
            yield from _file(path, header)
        elif stat.S_ISDIR(status.st_mode):
            header.type = tarfile.DIRTYPE
            yield _header(header)
            waiting += _inside(path, name + "/")
        elif stat.S_ISLNK(status.st_mode):
            header.type = tarfile.SYMTYPE
            header.linkname = os.readlink(path)
            if leads_out(header.linkname, name.count("/")):
                raise EncryptError(
                    f"{path!r} may lead out of the folder: it links to {header.linkname!r}"
                )
            yield _header(header)
        else:
            raise EncryptError(f"{path!r} is neither file, folder nor symlink")
    yield _END


def _inside(folder: str | Path, prefix: str) -> list[tuple[str, str]]:
    """Return the paths of a folder's entries and their names in the archive, in reverse order."""
    with os.scandir(folder) as entries:
        return sorted(((e.path, prefix + e.name) for e in entries), reverse=True)


def _file(path: str, header: tarfile.TarInfo) -> Iterator[bytes]:
    with open(path, "rb", 0) as file:
        header.size = left = os.fstat(file.fileno()).st_size
        yield _header(header)
        while left:
            block = file.read(min(left, BUFFER_BYTES))
            if not block:
                raise EncryptError(f"{path!r} became shorter while it was read")
            left -= len(block)
            yield block
    yield bytes(-header.size % tarfile.BLOCKSIZE)


def _header(header: tarfile.TarInfo) -> bytes:
    # The GNU form allows names of any bytes and length. In the pax form GNU tar warns of some names.
    return header.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
