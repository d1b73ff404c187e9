"""Bytes that a stored document takes on an Elasticsearch, under several settings of its index.

    uv run python -m benchmarks.sink.storage --to http://127.0.0.1:9200

Each variant writes the same events under a prefix of its own, once more (all must be duplicates), merges
each index into one segment, and asks the server for its size.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from dms_events import Envelope, codec, registry
from dms_events.demo.fleet import fleet
from dms_events.sink import Document
from dms_events.sink.document import documents_of
from dms_events_elasticsearch import ElasticsearchSetup, ElasticsearchSink, apply_setup

END = datetime(2026, 11, 25, tzinfo=UTC)
SORT = {"sort.field": ["dms.peer_id", "@timestamp"], "sort.order": ["asc", "asc"]}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "best": {"codec": "best_compression"},
    "sorted": SORT,
    "sorted_best": {**SORT, "codec": "best_compression"},
    "logsdb": {"mode": "logsdb"},
    "logsdb_stored": {"mode": "logsdb", "mapping.source.mode": "stored"},
}


@dataclass
class Message:
    """A message as the forwarder hands it to the sink."""

    event: msgspec.Struct
    id: str
    envelope: Envelope
    type_name: str
    transport_source: str
    canonical: bool = True
    subject: str = ""
    stored_ns: int = int(END.timestamp()) * 10**9


def documents(count: int) -> list[Document]:
    messages = []
    for n, one in enumerate(fleet(devices=200, events=count, seed=1, end=END)):
        id, name = str(uuid.uuid5(uuid.NAMESPACE_OID, str(n))), registry.name_of(type(one.event))
        data, sent = codec.encode(one.event), one.time.isoformat()
        envelope = Envelope(type=name, data=data, id=id, source=one.source, time=sent)
        messages.append(Message(one.event, id, envelope, name, one.source))
    return documents_of(messages)


def call(url: str, method: str = "GET", body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=300) as reply:
        return json.loads(reply.read() or b"null")


async def measured(url: str, name: str, options: dict[str, Any], batch: list[Document]) -> str:
    prefix = f"bench_{name}"
    own = {"template": {"settings": {"index": options}}}
    call(f"{url}/_component_template/{prefix}-custom", "PUT", own)
    await apply_setup(url, ElasticsearchSetup(prefix=prefix, replicas=0))
    verdicts: Counter[str] = Counter()
    async with ElasticsearchSink(url, prefix=prefix) as sink:
        began = time.perf_counter()
        for _ in range(2):
            for start in range(0, len(batch), 1000):
                judged = await sink.write(batch[start : start + 1000])
                verdicts.update(one.verdict.value for one in judged)
        took = time.perf_counter() - began
    call(f"{url}/{prefix}-*/_forcemerge?max_num_segments=1&flush=true", "POST")
    call(f"{url}/{prefix}-*/_refresh", "POST")
    stats = call(f"{url}/{prefix}-*/_stats/store,docs")["_all"]["primaries"]
    each = stats["store"]["size_in_bytes"] / stats["docs"]["count"]
    for kind in ("_index_template", "_component_template"):
        call(f"{url}/{kind}/{prefix}-*", "DELETE")
    for index in call(f"{url}/_cat/indices/{prefix}-*?format=json"):
        call(f"{url}/{index['index']}", "DELETE")
    count = stats["docs"]["count"]
    return f"{name:16} {count:7} documents {each:7.0f} bytes each {took:6.1f} s {dict(verdicts)}"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", default="http://127.0.0.1:9200")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--only", choices=VARIANTS)
    options = parser.parse_args()
    batch = documents(options.events)
    raw = sum(len(one.body) for one in batch) / len(batch)
    print(f"{'JSON':16} {len(batch):7} documents {raw:7.0f} bytes each")
    for name, settings in VARIANTS.items():
        if options.only in (None, name):
            print(await measured(options.to, name, settings, batch), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
