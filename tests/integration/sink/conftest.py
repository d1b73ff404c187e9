"""Servers for the tests of sinks only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kit.servers.elasticsearch import ElasticsearchServer


@pytest.fixture(scope="package")
def tight_elasticsearch() -> Iterator[ElasticsearchServer]:
    """A running server with a write queue of 1, and little room for requests and documents."""
    server = ElasticsearchServer(
        "thread_pool.write.size: 1",
        "thread_pool.write.queue_size: 1",
        "http.max_content_length: 64kb",
        "indexing_pressure.memory.max_operation_size: 32kb",
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()
