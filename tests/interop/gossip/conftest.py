"""The Go peer, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.go.libp2p import build


@pytest.fixture(scope="session")
def go() -> Path:
    return build()
