"""What a test needs beyond Python: absent it skips at a desk, and fails in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


def missing(what: str, cure: str) -> None:
    """Skip the running test, or fail it where ``CI`` is set, saying what to install."""
    text = f"needs {what}: {cure}"
    if os.environ.get("CI"):
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


def program(name: str, cure: str) -> Path:
    """The path of a program on PATH."""
    found = shutil.which(name)
    if found is None:
        missing(name, cure)
    return Path(str(found))


def cache_dir(name: str) -> Path:
    """A folder that outlives the test run, for what is downloaded or built once."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = base / "dms-events-tests" / name
    path.mkdir(parents=True, exist_ok=True)
    return path
