"""Where things are in this repository."""

from __future__ import annotations

from pathlib import Path

__all__ = ["HOME", "TESTS"]

HOME = Path(__file__).parents[2]
TESTS = HOME / "tests"
