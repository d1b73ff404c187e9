"""From publishers in Python and in Go to a real Elasticsearch: each event there, once."""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

import dms_events
from dms_events import codec, registry
from dms_events.demo.fleet import fleet
from dms_events.identity import id_of_document
from dms_events.sink import call_key
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.interop.samples import as_float32
from tests.kit.go.peer import GoPeer, build
from tests.kit.servers.elasticsearch import call

pytestmark = pytest.mark.slow


def everything(url: str) -> list[dict[str, Any]]:
    """All documents, read with plain HTTP: none of the code under test counts itself."""
    call(f"{url}/dms-*/_refresh", "POST")
    hits: list[dict[str, Any]] = []
    after: list[Any] = []
    while True:
        query: dict[str, Any] = {"size": 5000, "sort": [{"event.id": "asc"}, {"_index": "asc"}]}
        if after:
            query["search_after"] = after
        page = call(f"{url}/dms-*/_search", "POST", query)["hits"]["hits"]
        if not page:
            return hits
        hits += page
        after = page[-1]["sort"]


async def forward(bus: dms_events.Bus, url: str, durable: str) -> dms_events.Stats:
    async with dms_events.sink_for(url) as sink:
        forwarder = dms_events.Forwarder(bus, sink, durable=durable)
        forwarder.drain()
        return await forwarder.run()


def ids(messages: Iterable[dms_events.OutgoingMessage]) -> set[str]:
    """Under which they are stored."""
    return {id_of_document(message.source, message.id) for message in messages}


async def test_twenty_thousand_events_are_in_elasticsearch_once_also_after_a_second_forwarding(
    nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    end = datetime(2026, 3, 5, tzinfo=UTC)  # the fleet's ten days have a month boundary in them
    async with dms_events.connect(nats_server.url) as bus:
        prepared = [
            bus.prepare(planned.event, source=planned.source, time=planned.time)
            for planned in fleet(devices=50, events=20_000, seed=3, end=end)
        ]
        assert await bus.publish_many(prepared) == 20_000
        first = await forward(bus, empty_elasticsearch_url, "first")
        second = await forward(bus, empty_elasticsearch_url, "second")
    assert (first.stored, first.duplicates, first.rejected) == (20_000, 0, 0)
    assert (second.stored, second.duplicates, second.rejected) == (0, 20_000, 0)

    found = everything(empty_elasticsearch_url)
    assert len(found) == 20_000
    assert {hit["_id"] for hit in found} == ids(prepared)
    assert Counter(hit["_source"]["dms"]["type"] for hit in found) == Counter(
        message.type_name for message in prepared
    )
    months = {hit["_index"].rpartition("-")[2] for hit in found}
    assert months == {"2026.02", "2026.03"}
    assert all(
        hit["_index"].endswith(hit["_source"]["@timestamp"][:7].replace("-", ".")) for hit in found
    )


async def test_what_go_publishes_without_ids_is_in_elasticsearch_once(
    nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    go = GoPeer(build(), nats_server.url)
    async with dms_events.connect(nats_server.url) as bus:
        published = await go.publish(900, seed=8)
        first = await forward(bus, empty_elasticsearch_url, "first")
        second = await forward(bus, empty_elasticsearch_url, "second")
    assert (first.stored, second.stored, second.duplicates) == (900, 0, 900)

    found = everything(empty_elasticsearch_url)
    assert len(found) == len({hit["_id"] for hit in found}) == 900
    stored = Counter(repr(as_float32(event_of(hit["_source"]))) for hit in found)
    sent = Counter(
        repr(as_float32(codec.decode(event.json.encode(), registry.get(event.type))))
        for event in published
    )
    assert stored == sent


async def test_documents_of_one_call_join_whichever_side_wrote_them(
    nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    go = GoPeer(build(), nats_server.url)
    async with dms_events.connect(nats_server.url, source="12D3KooWPython") as bus:
        published = await go.publish(50, seed=9, types=["ServiceCall"])
        calls = [codec.decode(event.json.encode(), ServiceCall) for event in published]
        # A number that Go would round to the one it sent; Python has it in full.
        await bus.publish_many(
            msgspec.structs.replace(one, call_id=float32(one.call_id) * (1 + 2**-30))
            for one in calls
        )
        tally = await forward(bus, empty_elasticsearch_url, "join")
    assert tally.stored == 100
    found = everything(empty_elasticsearch_url)
    keys = Counter(hit["_source"]["dms"]["call_key"] for hit in found)
    assert set(keys) == {call_key(one.call_id) for one in calls}
    assert all(count % 2 == 0 for count in keys.values())


def float32(number: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", number))[0])


def event_of(source: dict[str, Any]) -> msgspec.Struct:
    name = source["dms"]["type"]
    own = {k: v for k, v in source.items() if k not in ("@timestamp", "event", "dms")}
    event: msgspec.Struct = codec.decode(msgspec.json.encode(own), registry.get(name))
    return event
