"""Fixtures that every test may use: real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from dms_events_nats import NatsServer
from tests.kit.programs.command import end_forking
from tests.kit.servers.elasticsearch_fixtures import (
    elasticsearch_8_url,
    elasticsearch_url,
    empty_elasticsearch_url,
    secured_elasticsearch,
)

__all__ = [
    "elasticsearch_8_url",
    "elasticsearch_url",
    "empty_elasticsearch_url",
    "end_forking",
    "nats_server",
    "secured_elasticsearch",
]

# A loaded machine is slow, and nothing else follows from that.
settings.register_profile(
    "patient", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

pytest_plugins = ["pytester", "tests.kit.run.ending", "tests.kit.run.workers"]


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A real nats-server with JetStream on a store of its own."""
    async with NatsServer(tmp_path / "nats") as server:
        yield server
