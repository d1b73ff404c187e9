"""The Go program of `tests/interop/oracle`, which says what ``encoding/json`` makes of a document."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.kit.paths import TESTS

from .build import build_go

__all__ = ["Answer", "Oracle", "build"]

SOURCE = TESTS / "interop" / "oracle"


class Answer(NamedTuple):
    """What Go makes of one document; ``json`` is None where it rejects it."""

    json: str | None
    error: str


def build() -> Oracle:
    """The compiled program."""
    return Oracle(build_go(SOURCE))


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
