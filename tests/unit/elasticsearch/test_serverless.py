"""Elasticsearch Serverless, as it tells by its answers: nobody has tried a real one."""

from __future__ import annotations

from typing import Any

import pytest

from dms_events.errors import ConfigError
from dms_events_elasticsearch import ElasticsearchSetup, check_setup
from tests.kit.servers.scripted_elasticsearch import server

SERVERLESS = (200, {"version": {"number": "9.0.0", "build_flavor": "serverless"}})


@pytest.mark.parametrize("declared", [{"replicas": 0}, {"shards": 1}])
async def test_shards_and_replicas_are_an_error_on_serverless(declared: dict[str, Any]) -> None:
    async with server(info=SERVERLESS) as url:
        with pytest.raises(ConfigError, match="Serverless"):
            await check_setup(url, ElasticsearchSetup(**declared))


async def test_a_retention_is_refused_on_serverless_and_no_shards_are_counted() -> None:
    async with server(info=SERVERLESS) as url:
        report = await check_setup(url, ElasticsearchSetup(retention_days=90))
    assert report.shards is None
    assert [d.state for d in report.differences if d.place.startswith("policy")] == ["refused"]
