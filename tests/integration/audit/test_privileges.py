"""The privileges that docs/audit.md names for an audit are enough."""

from __future__ import annotations

import pytest

import dms_events
from dms_events.sink import SupportsInventory
from tests.kit.servers.elasticsearch_fixtures import SecuredElasticsearch

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("secured_elasticsearch")]


async def test_the_privileges_of_an_audit_are_enough_and_read_all_documents(
    secured_elasticsearch: SecuredElasticsearch,
) -> None:
    server = secured_elasticsearch
    index = "dms-elk_stats.service_remove-2026.03"
    server.call(f"/{index}/_doc/1", "PUT", {"@timestamp": "2026-03-01T00:00:00Z"})
    privileges = ["read", "view_index_metadata", "maintenance"]
    role = {
        "cluster": ["monitor"],
        "indices": [{"names": ["dms-*"], "privileges": privileges}],
    }
    _, key = server.api_key(**role)
    sink = dms_events.sink_for(server.url, api_key=key, ca_certs=server.ca_certs)
    assert isinstance(sink, SupportsInventory)
    try:
        async with sink.inventory() as inventory:
            pages = [page async for page in inventory.documents(["elk_stats.ServiceRemove"])]
            assert [(each.id, each.index) for page in pages for each in page] == [("1", index)]
            [found] = await inventory.find(["1", "2"], bodies=True)
            assert (found.id, found.body) == ("1", b'{"@timestamp":"2026-03-01T00:00:00Z"}')
    finally:
        server.call(f"/{index}", "DELETE")
