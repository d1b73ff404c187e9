"""The Compose files as Docker Compose reads them, by its own library, which is written in Go."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from typing import Any

from .go.build import build_go
from .paths import HOME, TESTS

__all__ = ["Json", "project"]

Json = dict[str, Any]


@cache
def project(*files: str) -> Json:
    """The files checked, merged and with defaults; do not change it."""
    reader = build_go(TESTS / "kit" / "go" / "compose")
    done = subprocess.run(
        [reader, *files], cwd=HOME, env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    read: Json = json.loads(done.stdout)
    return read
