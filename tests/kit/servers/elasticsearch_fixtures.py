"""Fixtures for tests that need an Elasticsearch; import them into a ``conftest.py``."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .elasticsearch import ElasticsearchServer, call

__all__ = ["elasticsearch_url", "empty_elasticsearch_url"]


@pytest.fixture(scope="session")
def elasticsearch_url() -> Iterator[str]:
    """A running server; ``DMS_EVENTS_TEST_ELASTICSEARCH_URL`` names one to use instead."""
    if url := os.environ.get("DMS_EVENTS_TEST_ELASTICSEARCH_URL"):
        yield url.rstrip("/")
        return
    server = ElasticsearchServer()
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


@pytest.fixture
def empty_elasticsearch_url(elasticsearch_url: str) -> str:
    """The running server after every index and template of the name ``dms-*`` was deleted."""
    found = call(f"{elasticsearch_url}/_cat/indices/dms-*?format=json&expand_wildcards=all")
    for index in found:
        call(f"{elasticsearch_url}/{index['index']}", "DELETE")
    for template in call(f"{elasticsearch_url}/_index_template")["index_templates"]:
        if template["name"].startswith("dms-"):
            call(f"{elasticsearch_url}/_index_template/{template['name']}", "DELETE")
    return elasticsearch_url
