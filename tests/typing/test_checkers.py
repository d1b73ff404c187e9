"""pyright, strict, accepts what is right and reports each mistake; mypy does so in `make lint`."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def test_pyright_agrees_with_every_line() -> None:
    if find_spec("pyright") is None and not os.environ.get("CI"):
        pytest.skip("needs pyright: uv sync, or pip install --group dev")
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--project", HERE / "pyrightconfig.json"],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
