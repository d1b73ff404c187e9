"""What integration tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a SQLite sink may make its file."""
    return tmp_path / "events.db"
