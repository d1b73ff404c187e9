"""What integration tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dms_events_nats import NatsServer
from tests.kit.servers.operator import Operator, at


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a SQLite sink may make its file."""
    return tmp_path / "events.db"


@pytest.fixture
async def operator(nats_server: NatsServer) -> AsyncIterator[Operator]:
    """Somebody else at the server."""
    async with at(nats_server.url) as operator:
        yield operator
