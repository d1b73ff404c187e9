"""Tar archives with anything in them, also what no program would write."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from typing import Any, Literal

__all__ = ["BLOCK", "Member", "file", "folder", "header", "link", "tar"]

BLOCK = 512
Member = tuple[tarfile.TarInfo, bytes]


def file(name: str, content: bytes = b"five!", **more: Any) -> Member:
    return header(name, tarfile.REGTYPE, size=len(content), **more), content


def link(name: str, to: str, type: bytes = tarfile.SYMTYPE) -> Member:
    return header(name, type, linkname=to), b""


def folder(name: str, **more: Any) -> Member:
    return header(name, tarfile.DIRTYPE, **more), b""


def header(name: str, type: bytes, **more: Any) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = type
    for key, value in more.items():
        setattr(info, key, value)
    return info


def tar(members: Iterable[Member], format: Literal[1, 2] = tarfile.GNU_FORMAT) -> bytes:
    parts = []
    for info, content in members:
        head = info.tobuf(format, "utf-8", "surrogateescape")
        parts += [head, content, bytes(-len(content) % BLOCK)]
    return b"".join([*parts, bytes(2 * BLOCK)])
