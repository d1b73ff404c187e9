"""Go programs of the interop tests: each is built once for its sources, and kept in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from .toolchain import cache_dir, program

__all__ = ["build_go"]


def build_go(source: Path) -> Path:
    """The program of the Go module in this folder, compiled."""
    go = program("go", "install Go 1.26 or newer")
    digest = hashlib.sha256()
    for path in sorted(p for p in source.rglob("*") if p.suffix in {".go", ".mod", ".sum"}):
        digest.update(str(path.relative_to(source)).encode() + b"\0" + path.read_bytes() + b"\0")
    binary = cache_dir(f"go-{source.name}") / f"{source.name}-{digest.hexdigest()[:16]}"
    with (binary.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one worker builds it, the others wait for that
        if not binary.exists():
            _build(go, source, binary)
    return binary


def _build(go: Path, source: Path, binary: Path) -> None:
    with tempfile.TemporaryDirectory(dir=binary.parent) as workshop:
        built = Path(workshop) / source.name
        command = [str(go), "build", "-trimpath", "-o", str(built), "."]
        done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"go build of {source.name} failed:\n{done.stderr}", pytrace=False)
        os.replace(built, binary)
