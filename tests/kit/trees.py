"""Folders with all that a folder may hold, and how to tell two of them apart."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

__all__ = ["Entry", "awkward_tree", "entries"]

TIME = 1_600_000_000


class Entry(NamedTuple):
    """What a folder holds under one name; a folder's own time is not looked at."""

    kind: str
    mode: int
    time: int
    size: int = 0
    sha256: str = ""
    link: bytes = b""


def entries(folder: Path) -> dict[bytes, Entry]:
    """All that is within, at any depth, by the bytes of its name."""
    found: dict[bytes, Entry] = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        mode = stat.S_IMODE(status.st_mode)
        name = os.fsencode(path.relative_to(folder))
        if path.is_symlink():
            found[name] = Entry("link", 0, 0, link=os.fsencode(os.readlink(path)))
        elif path.is_dir():
            found[name] = Entry("folder", mode, 0)
        else:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[name] = Entry("file", mode, int(status.st_mtime), status.st_size, digest)
    return found


def awkward_tree(folder: Path) -> Path:
    """Make a folder with empty and large files, odd names, links, and permissions of their own."""
    folder.mkdir()
    here = os.fsencode(folder)
    names = [
        b"empty",
        "größe".encode(),
        b"not \xff\xfe UTF-8",
        b"new\nline",
        b"-rf *",
        b"\\back\\slash",
        b"n" * 255,
        b"deep/" * 40 + b"file",
        b"deep/" * 40 + b"\xff" + b"l" * 200,
    ]
    for number, name in enumerate(names):
        path = here + b"/" + name
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(b"%d" % number * number)
    for size in (511, 512, 513, 3_000_000):
        (folder / f"of-{size}").write_bytes(os.urandom(size))
    (folder / "empty folder" / "another").mkdir(parents=True)
    (folder / "program").write_bytes(b"#!/bin/sh\n")
    (folder / "program").chmod(0o755)
    (folder / "secret").write_bytes(b"x")
    (folder / "secret").chmod(0o600)
    (folder / "closed").mkdir(mode=0o700)
    for number, made in enumerate(folder.rglob("*")):
        os.utime(made, (TIME + number, TIME + number))
    (folder / "link").symlink_to("deep/deep")
    (folder / "to nothing").symlink_to("nothing")
    (folder / "closed" / "up").symlink_to("../program")
    os.symlink(b"../not \xff\xfe UTF-8", here + b"/closed/\xff")
    return folder
