"""An event of every type that may be stored is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from dms_events import registry
from dms_events.sink import Verdict, document_of, storable_types
from dms_events.types.machine import PeerData
from dms_events_elasticsearch.setup.templates import fields_of_index
from tests.kit.documents.values import values_of
from tests.kit.servers.elasticsearch import call

from .test_elasticsearch import Message, opened, verdicts

TYPES = storable_types()
ONE_OF_EACH = st.tuples(*(values_of(registry.get(name)) for name in TYPES))


@pytest.fixture
def index(elasticsearch_url: str) -> Iterator[str]:
    """One index with the mappings of all types side by side: 72 indices would take a minute to make."""
    properties = {f"t{n}": {"properties": fields_of_index(name)} for n, name in enumerate(TYPES)}
    url = f"{elasticsearch_url}/all-types"
    body = {
        "settings": {"index.mapping.total_fields.limit": 5000, "number_of_replicas": 0},
        "mappings": {"dynamic": "strict", "properties": properties},
    }
    call(url, "PUT", body)
    yield url
    call(url, "DELETE")


@settings(
    max_examples=5,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(ONE_OF_EACH)
def test_the_mapping_of_every_type_takes_its_events(
    index: str, events: tuple[msgspec.Struct, ...]
) -> None:
    for n, event in enumerate(events):
        body = document_of(Message(event, str(n))).body
        if rb"\u0000" in body:  # no key of a map that is indexed may hold it
            continue
        assert call(f"{index}/_doc", "POST", {f"t{n}": json.loads(body)})["result"] == "created"


async def test_an_event_of_another_module_is_stored_under_its_own_mapping(
    empty_elasticsearch_url: str,
) -> None:
    async with opened(empty_elasticsearch_url) as sink:
        batch = [document_of(Message(PeerData(peer_id="12D3KooWPeer"), "1"))]
        assert verdicts(await sink.write(batch)) == [Verdict.STORED]
    name = "dms-machine.peer_data-2026.11"
    found = call(f"{empty_elasticsearch_url}/{name}/_mapping")[name]["mappings"]
    assert found["dynamic"] == "strict"
    assert found["properties"]["peer_id"]["type"] == "keyword"
