"""The Go program of `tests/interop/oracle`, which says what ``encoding/json`` makes of a document."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.kit.toolchain import cache_dir, program

__all__ = ["Answer", "Oracle", "build"]

SOURCE = Path(__file__).parent.parent / "interop" / "oracle"


class Answer(NamedTuple):
    """What Go makes of one document; ``json`` is None where it rejects it."""

    json: str | None
    error: str


def build() -> Oracle:
    """The compiled program, from the cache where these sources were built before."""
    go = program("go", "install Go 1.26 or newer")
    sources = sorted(p for p in SOURCE.rglob("*") if p.suffix in {".go", ".mod", ".sum"})
    digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()
    binary = cache_dir("go-oracle") / f"oracle-{digest[:16]}"
    if not binary.exists():
        with tempfile.TemporaryDirectory(dir=binary.parent) as workshop:
            built = Path(workshop) / "oracle"
            command = [str(go), "build", "-trimpath", "-o", str(built), "."]
            done = subprocess.run(command, cwd=SOURCE, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.fail(f"go build of the oracle failed:\n{done.stderr}", pytrace=False)
            os.replace(built, binary)
    return Oracle(binary)


class Oracle:
    """The program, run once for any number of questions."""

    def __init__(self, binary: Path) -> None:
        self.binary = binary

    def ask(self, questions: Iterable[tuple[str, bytes]]) -> list[Answer]:
        """An answer for each type and document."""
        lines = [
            json.dumps({"type": go_type, "json": base64.b64encode(data).decode()})
            for go_type, data in questions
        ]
        done = subprocess.run(
            [self.binary], input="\n".join([*lines, ""]), capture_output=True, text=True, check=True
        )
        answers = [json.loads(line) for line in done.stdout.split("\n")[:-1]]
        assert len(answers) == len(lines)
        return [Answer(None if "error" in a else a["json"], a.get("error", "")) for a in answers]
