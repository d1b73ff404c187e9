"""Unpack a tar archive of unknown origin into a folder, safely.

`tarfile` is used only for reading, not for extraction. Its ``data`` filter is missing in Python before
3.11.4, and up to 3.11.12, 3.12.10 and 3.13.3 it lets an archive write outside through long links.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path
from typing import IO, Final, Self

from ..errors import DecryptError
from .archive import DEPTH, leads_out
from .targets import BUFFER_BYTES

__all__ = ["unpack"]

_EXTENSION_BYTES: Final = 1 << 18
_EXTENSIONS = {
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
}


class _Header(tarfile.TarInfo):
    """A header that makes reading fail if it is invalid; tarfile itself may take it for the end."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # zeros mark the end
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.size < 0:
            raise tarfile.ReadError("a size below 0")
        if header.type in _EXTENSIONS and header.size > _EXTENSION_BYTES:
            raise tarfile.ReadError("a name or attribute that is too long")
        return header


def unpack(archive: IO[bytes], folder: Path) -> None:
    """Unpack the archive into the new folder ``folder``. Files are synced, folders are not.

    Symlinks are made after everything else, so nothing is ever written through a symlink.

    Raises:
        DecryptError: the data is no archive, is cut, or holds a forbidden entry.
        OSError: an entry cannot be written.
    """
    symlinks: list[tuple[Path, str]] = []
    name = ""
    try:
        with tarfile.open(
            fileobj=archive,
            mode="r|",
            bufsize=BUFFER_BYTES,
            tarinfo=_Header,
            encoding="utf-8",
            errors="surrogateescape",
        ) as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # it would keep all entries
                name = member.name
                if member.size < 0:
                    raise tarfile.ReadError("a size below 0")
                _make(tar, member, folder, symlinks)
        for path, link in symlinks:
            name = str(path.relative_to(folder))
            os.symlink(link, path)
    except (FileExistsError, NotADirectoryError) as error:
        raise DecryptError(f"two entries of the archive have the name {name!r}") from error
    except (tarfile.TarError, ValueError, ArithmeticError, RecursionError) as error:
        if isinstance(error, DecryptError):
            raise
        raise DecryptError(f"the data is not a complete tar archive ({error})") from error


def _make(
    tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path, symlinks: list[tuple[Path, str]]
) -> None:
    parts = _parts(member.name)
    path = folder.joinpath(*parts)
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        if parts:
            path.chmod(member.mode & 0o755 | 0o700)
        return
    if not parts:
        raise DecryptError("the archive does not hold a folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    if member.isreg() and not member.issparse():
        _make_file(tar, member, path)
    elif member.issym():
        if leads_out(member.linkname, len(parts) - 1):
            raise DecryptError(
                f"{member.name!r} may lead out of the folder: it links to {member.linkname!r}"
            )
        symlinks.append((path, member.linkname))
    elif member.islnk():
        other = folder.joinpath(*_parts(member.linkname))
        if not other.is_file():
            raise DecryptError(f"{member.name!r} is a hard link, but not to a file before it")
        os.link(other, path)
    else:
        raise DecryptError(f"{member.name!r} is not a plain file, folder or link")


def _make_file(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None
    with content, open(path, "xb", 0) as file:
        shutil.copyfileobj(content, file, BUFFER_BYTES)
        os.fchmod(file.fileno(), member.mode & 0o755 | 0o600)
        os.utime(file.fileno(), (member.mtime, member.mtime))
        os.fsync(file.fileno())


def _parts(name: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name:
        raise DecryptError(
            f"the archive names {name!r}, which leads out of the folder or is not a file name"
        )
    if len(parts) > DEPTH:
        raise DecryptError(f"the archive nests folders deeper than {DEPTH}")
    return parts
