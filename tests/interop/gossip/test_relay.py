"""From a Go node, which gossips bare envelopes, by two relays and NATS into a sink: each event once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

import dms_events
from dms_events import codec, registry
from dms_events_nats import NatsServer
from tests.interop.samples import AWKWARD, as_float32
from tests.kit.go.libp2p import GoNode
from tests.kit.libp2p.buses import eventually
from tests.kit.libp2p.relays import bare, relaying
from tests.kit.servers.elasticsearch import call
from tests.kit.storing import forward, query


def in_sqlite(place: str) -> list[dict[str, Any]]:
    rows = query(Path(place.removeprefix("sqlite:")), "SELECT body FROM documents")
    return [json.loads(body) for (body,) in rows]


def in_elasticsearch(place: str) -> list[dict[str, Any]]:
    call(f"{place}/dms-*/_refresh", "POST")
    hits = call(f"{place}/dms-*/_search", "POST", {"size": 1_000})["hits"]["hits"]
    return [hit["_source"] for hit in hits]


def event_of(document: dict[str, Any]) -> msgspec.Struct:
    own = {k: v for k, v in document.items() if k not in ("@timestamp", "event", "dms")}
    event: msgspec.Struct = codec.decode(
        msgspec.json.encode(own), registry.get(document["dms"]["type"])
    )
    return event


async def relayed(
    go: Path, server: NatsServer, sink_url: str, documents_in: Callable[[str], list[dict[str, Any]]]
) -> None:
    """Gossip the nine events, each twice: two events that are equal are two events."""
    events = [*AWKWARD, *AWKWARD]
    async with (
        dms_events.connect(server.url) as one_target,
        dms_events.connect(server.url) as other_target,
        relaying(one_target) as one,
        relaying(other_target) as other,
    ):
        relays = (one, other)
        addresses = [relay.node.transport.addresses[0] for relay in relays]
        async with GoNode.run(go, keep=",".join(addresses)) as node:
            await eventually(lambda: all(r.node.transport.figures.peers == 1 for r in relays))
            for event in events:
                name = registry.name_of(type(event))
                envelope = bare(dms_events.encode(event), name).decode()
                node.publish(f"on dms/events/{name} {envelope}")
            await eventually(
                lambda: all(r.tally.stored + r.tally.duplicates == len(events) for r in relays)
            )
            async with dms_events.sink_for(sink_url) as sink:
                first = await forward(one_target, sink, "first")
                again = await forward(one_target, sink, "another")
    assert (first.stored, first.duplicates, first.rejected) == (len(events), 0, 0)
    assert (again.stored, again.duplicates) == (0, len(events))
    documents = documents_in(sink_url)
    assert {document["dms"]["peer_id"] for document in documents} == {node.peer}
    assert {document["dms"]["source_from"] for document in documents} == {"transport"}
    assert len({document["event"]["id"] for document in documents}) == len(documents)
    stored = Counter(repr(as_float32(event_of(document))) for document in documents)
    assert stored == Counter(repr(as_float32(event)) for event in events)


async def test_each_stats_event_is_in_sqlite_once(
    go: Path, nats_server: NatsServer, tmp_path: Path
) -> None:
    await relayed(go, nats_server, f"sqlite:{tmp_path / 'events.db'}", in_sqlite)


@pytest.mark.slow
async def test_each_stats_event_is_in_elasticsearch_once(
    go: Path, nats_server: NatsServer, empty_elasticsearch_url: str
) -> None:
    await relayed(go, nats_server, empty_elasticsearch_url, in_elasticsearch)
