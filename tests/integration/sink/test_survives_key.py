"""`sink run` while its API key is revoked and replaced."""

from __future__ import annotations

import asyncio
from pathlib import Path
from signal import SIGTERM
from typing import Any

import pytest

import dms_events
from dms_events_nats import NatsServer
from tests.kit.programs.processes import CLI, running, until
from tests.kit.servers.elasticsearch import once_made
from tests.kit.servers.elasticsearch_fixtures import SecuredElasticsearch
from tests.kit.storing import adds_up, prepared, tally_in

from .test_end_to_end import ids

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("secured_elasticsearch")]

EACH = 250


def stored(server: SecuredElasticsearch, by: str) -> list[str]:
    """The ids of this test's documents; none while their index is being made."""
    query = {"size": 10 * EACH, "_source": False, "query": {"term": {"dms.peer_id": by}}}

    def ids() -> list[str]:
        server.call("/dms-*/_refresh", "POST")
        found: Any = server.call("/dms-*/_search", "POST", query)
        return [hit["_id"] for hit in found["hits"]["hits"]]

    return once_made(ids, [])


async def test_events_wait_while_the_key_is_revoked_and_are_stored_once_with_a_new_one(
    nats_server: NatsServer, secured_elasticsearch: SecuredElasticsearch, tmp_path: Path
) -> None:
    server, file, me = secured_elasticsearch, tmp_path / "key", "key-test"
    key_id, key = server.api_key()
    file.write_text(key)
    words = ("sink", "run", "--wait", "--json", "--from", nats_server.url, "--to", server.url)
    login = ("--api-key-file", file, "--ca-certs", server.ca_certs)
    async with (
        dms_events.connect(nats_server.url, source=me) as bus,
        running(*CLI, *words, *login) as sink,
    ):

        async def until_stored(count: int) -> None:
            async with asyncio.timeout(60):
                while len(stored(server, me)) != count:
                    assert not sink.ended, sink.err
                    await asyncio.sleep(0.1)

        sent = prepared(bus, 2 * EACH)
        await bus.publish_many(sent[:EACH])
        await until_stored(EACH)
        server.revoke(key_id)
        await bus.publish_many(sent[EACH:])
        await until(lambda: "401" in sink.err, "the sink says why it waits", by=sink)
        assert key not in sink.err
        file.write_text(server.api_key()[1])
        await until_stored(2 * EACH)
        sink.send(SIGTERM)
        done = await sink.finish()
        assert [letter async for letter in bus.dead_letters.find()] == []
    found = stored(server, me)
    assert len(found) == len(sent)
    assert set(found) == ids(sent)
    tally = tally_in(done.out)
    assert adds_up(tally), tally
    assert (tally.stored, tally.duplicates, tally.rejected) == (2 * EACH, 0, 0)
