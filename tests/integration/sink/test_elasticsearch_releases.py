"""Elasticsearch 8 and 9, with the clients of both releases."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from dms_events.errors import ConfigError
from dms_events.sink import document_of, storable_types
from dms_events_elasticsearch import ElasticsearchSink
from dms_events_elasticsearch.setup.templates import fields_of_index
from tests.kit.paths import HOME
from tests.kit.programs.processes import run
from tests.kit.servers.elasticsearch import call
from tests.kit.servers.elasticsearch_client import client_8
from tests.kit.servers.elasticsearch_front import fronted

from .test_elasticsearch import Message
from .test_elasticsearch_types import ONE_OF_EACH

WRITES = """
import asyncio, sys
from importlib.metadata import version
from dms_events_elasticsearch import ElasticsearchSink
from tests.integration.sink.test_elasticsearch import hand_made, removed

async def main():
    print(version("elasticsearch").partition(".")[0])
    async with ElasticsearchSink(sys.argv[1]) as sink:
        bad = hand_made("bad", '{"Misspelt":1}')
        for one in await sink.write([removed("1"), bad, removed("1"), removed("2")]):
            print(one.verdict.value, one.reason)
        print(await sink.count())

asyncio.run(main())
"""


@pytest.fixture
async def front_8(elasticsearch_8_url: str) -> AsyncIterator[str]:
    async with fronted(elasticsearch_8_url) as url:
        yield url


async def judged_with_client_8(url: str) -> list[str]:
    """What a sink with the client of release 8 makes of four documents."""
    env = {"PYTHONPATH": str(client_8())}
    done = await run(sys.executable, "-c", WRITES, url, env=env, cwd=HOME, within_s=120)
    assert (done.code, done.err) == (0, "")
    client, *judged = done.out.splitlines()
    assert client == "8"
    return judged


def expected(judged: list[str]) -> bool:
    stored, bad, again, other, count = judged
    assert (stored, again, other) == ("stored ", "duplicate ", "stored ")
    assert bad.startswith("rejected 400 strict_dynamic_mapping_exception")
    return count == "{'elk_stats.ServiceRemove': 2}"


async def test_the_client_8_writes_to_a_server_9(empty_elasticsearch_url: str) -> None:
    assert expected(await judged_with_client_8(empty_elasticsearch_url))


async def test_the_client_8_writes_to_a_server_8(front_8: str) -> None:
    assert expected(await judged_with_client_8(front_8))


async def test_the_client_9_at_a_server_8_names_the_client_to_install(front_8: str) -> None:
    with pytest.raises(ConfigError) as raised:
        await ElasticsearchSink(front_8).open()
    assert "cannot talk to Elasticsearch 8.19." in raised.value.reason
    assert raised.value.reason.endswith("pip install 'elasticsearch[async]>=8.19,<9'")


@settings(
    max_examples=1,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(ONE_OF_EACH)
def test_a_server_8_takes_the_mapping_and_an_event_of_every_type(
    elasticsearch_8_url: str, events: tuple[msgspec.Struct, ...]
) -> None:
    names = storable_types()
    properties = {f"t{n}": {"properties": fields_of_index(name)} for n, name in enumerate(names)}
    body = {
        "settings": {"index.mapping.total_fields.limit": 5000, "number_of_replicas": 0},
        "mappings": {"dynamic": "strict", "properties": properties},
    }
    url = f"{elasticsearch_8_url}/all-types"
    call(url, "PUT", body)
    for n, event in enumerate(events):
        document = {f"t{n}": json.loads(document_of(Message(event, str(n))).body)}
        assert call(f"{url}/_doc", "POST", document)["result"] == "created"
    call(url, "DELETE")
