"""Work in a process of its own, which is killed when it does not end."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.kit.paths import HOME

__all__ = ["bounded"]


def bounded(module: str, *words: object, within_s: float) -> list[Any]:
    """The JSON lines that ``python -m module words`` prints.

    The test fails where it breaks, or does not end ``within_s``, and says what it printed last.
    """
    command = [sys.executable, "-m", module, *map(str, words)]
    try:
        done = subprocess.run(
            command, cwd=HOME, capture_output=True, text=True, timeout=within_s, check=False
        )
    except subprocess.TimeoutExpired as hung:
        said = (hung.stdout or b"").decode()
        pytest.fail(f"not within {within_s:g} s; it had said:\n{said[-2000:]}", pytrace=False)
    if done.returncode:
        pytest.fail(f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}", pytrace=False)
    return [json.loads(line) for line in done.stdout.splitlines()]
