"""The documented way into Elasticsearch: `fetch` of nats-py, dicts, json and `helpers.async_bulk`.

It makes the same documents with the same templates. Nothing is tried again, kept alive or recognised.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import nats
from elasticsearch import AsyncElasticsearch
from elasticsearch.helpers import async_bulk
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig

from dms_events.identity import id_of_document
from dms_events.sink import OUTCOMES, call_key

__all__ = ["forward"]

_DATASET = "elk_stats.service_call"


async def forward(
    nats_url: str, to: str, stream: str, subject: str, count: int, batch: int
) -> None:
    """Store ``count`` events of a stream, and acknowledge each."""
    client = await nats.connect(nats_url)
    async with AsyncElasticsearch(to) as elasticsearch:
        # By default a consumer gives out 1,000 messages, and a larger `fetch` waits for its timeout.
        config = ConsumerConfig(max_ack_pending=2 * batch)
        reading = await client.jetstream().pull_subscribe(
            subject, durable="theirs", stream=stream, config=config
        )
        left = count
        while left:
            messages = await reading.fetch(batch)
            stored, _ = await async_bulk(
                elasticsearch, _actions(messages), chunk_size=batch, raise_on_error=False
            )
            if stored != len(messages):
                raise RuntimeError(f"{stored} of {len(messages)} documents were stored")
            for message in messages:
                await message.ack()
            left -= len(messages)
    await client.close()


def _actions(messages: Iterable[Msg]) -> Iterator[dict[str, Any]]:
    for message in messages:
        envelope = json.loads(message.data)
        event = json.loads(b64decode(envelope["Data"]))
        source, claim = message.subject.rpartition(".")[2], envelope["Source"]
        time = datetime.fromisoformat(envelope["Time"]).astimezone(UTC)
        dms = {
            "type": envelope["Type"],
            "peer_id": source,
            "peer_short": source[-10:],
            "source_from": "transport",
            "time_from": "envelope",
            "call_key": call_key(event["CallID"]),
        }
        if claim != source:
            dms["claimed_source"] = claim
        about = {
            "id": envelope["ID"],
            "dataset": _DATASET,
            "ingested": datetime.now(UTC).isoformat(),
            "outcome": OUTCOMES.get(event["Status"], "unknown"),
        }
        yield {
            "_op_type": "create",
            "_index": f"dms-{_DATASET}-{time:%Y.%m}",
            "_id": id_of_document(source, envelope["ID"]),
            **event,
            "@timestamp": time.isoformat(),
            "event": about,
            "dms": dms,
        }
