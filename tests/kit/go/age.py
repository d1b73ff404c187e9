"""Another program of the age format: `filippo.io/age` in Go (`tests/interop/age`)."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from tests.kit.paths import TESTS

from .build import build_go

__all__ = ["AgePeer", "Listed", "build"]

SOURCE = TESTS / "interop" / "age"


class Listed(NamedTuple):
    """An entry of an archive as Go sees it."""

    name: bytes
    type: str
    mode: int
    time: int
    link: bytes
    size: int
    sha256: str


class AgePeer:
    """The program, run once for each question."""

    def __init__(self, binary: Path) -> None:
        self._binary = binary

    def keygen(self) -> tuple[str, str]:
        """A new identity and its recipient."""
        identity, recipient = self.run("keygen").decode().split()
        return identity, recipient

    def encrypt(self, data: bytes, *recipients: str, armored: bool = False) -> bytes:
        """``data`` encrypted by Go."""
        return self.run("encrypt", *["-a"] * armored, *recipients, stdin=data)

    def decrypt(self, data: bytes, identity: str) -> bytes:
        """``data`` decrypted by Go."""
        return self.run("decrypt", identity, stdin=data)

    def pack(self, folder: Path, recipient: str) -> bytes:
        """A folder as an encrypted archive by Go."""
        return self.run("pack", recipient, str(folder))

    def list(self, data: bytes, identity: str) -> list[Listed]:
        """What Go finds in an encrypted archive."""
        lines = self.run("list", identity, stdin=data).splitlines()
        return [_listed(json.loads(line)) for line in lines]

    def run(self, *words: str, stdin: bytes = b"") -> bytes:
        """What the program prints; it fails the test where the program fails."""
        done = subprocess.run([self._binary, *words], input=stdin, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout


def build() -> AgePeer:
    """The compiled program."""
    return AgePeer(build_go(SOURCE))


def _listed(line: dict[str, Any]) -> Listed:
    # Go writes an empty byte slice as "", and a nil one as null.
    for key in ("name", "link"):
        line[key] = base64.b64decode(line[key] or "")
    return Listed(**line)
