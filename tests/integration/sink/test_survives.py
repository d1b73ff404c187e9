"""`sink run` into a real Elasticsearch with little room, while one of them dies, stops or is full.

Each test ends with an audit, and with a count from outside: documents against what was published.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from signal import SIGTERM

import msgspec
import pytest

import dms_events
from dms_events import Bus, Forwarder, OutgoingMessage
from dms_events_nats import NatsServer
from tests.kit.libp2p.go_peers import free_port
from tests.kit.programs.processes import CLI, Running, run, running, until
from tests.kit.servers.elasticsearch import ElasticsearchServer, call, counted
from tests.kit.servers.elasticsearch_fixtures import emptied
from tests.kit.soak import sized
from tests.kit.storing import adds_up, prepared, tally_in
from tests.kit.storing import call as service_call
from tests.unit.worker.forwarding import forwarding

from .test_end_to_end import everything, ids
from .test_monitored import until_status

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("elasticsearch_url")]

DURABLE = "dms-events-sink"
KILLS = sized(2, 3)
"""Of Elasticsearch, which takes long to start."""
SINK_KILLS = 3
EACH = sized(500, 15_000)
"""Events of each half of a round."""
AWAY_S, FROZEN_S = sized(0, 120), sized(0, 60)
"""In CI an outage lasts until the sink has told it, and as long as the server takes to start."""
IMMENSE, OVER_THE_LIMIT = "x" * 40_000, "x" * 70_000
"""No keyword may be so long; no request to the server may (``http.max_content_length``)."""


class Published:
    """What a bus has published, and how much of it no server stores."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.good: list[OutgoingMessage] = []
        self.poison: list[OutgoingMessage] = []

    async def more(self, count: int) -> None:
        """Publish events, and among them one that no server stores for each thousand, or at least one."""
        first = len(self.good)
        good = prepared(self._bus, count, first)
        poison = []
        for number in range(first, first + count, 1000):
            name = IMMENSE if number % 2000 else OVER_THE_LIMIT
            event = msgspec.structs.replace(service_call(number), service_id=name)
            poison.append(self._bus.prepare(event))
        middle = count // 2
        await self._bus.publish_many([*good[:middle], *poison, *good[middle:]])
        self.good += good
        self.poison += poison


@pytest.fixture
async def tight(tight_elasticsearch: ElasticsearchServer) -> ElasticsearchServer:
    """The server with the templates, and without documents."""
    async with dms_events.sink_for(emptied(tight_elasticsearch.url)):
        return tight_elasticsearch


@pytest.fixture
async def published(nats_server: NatsServer) -> AsyncIterator[Published]:
    """Nothing yet. What a killed sink held comes again after 4 s, not after a minute."""
    async with dms_events.connect(nats_server.url) as bus:
        async with bus.subscribe("elk_stats.*", durable=DURABLE, ack_wait_s=4):
            pass
        yield Published(bus)


def count(url: str) -> int:
    """Documents on the server; 0 while it cannot say."""
    with suppress(OSError):
        return counted(url)
    return 0


async def until_stored(url: str, least: int, *by: Running) -> None:
    async with asyncio.timeout(sized(90, 900)):
        while await asyncio.to_thread(count, url) < least:
            assert not any(program.ended for program in by), [program.err for program in by]
            await asyncio.sleep(0.1)


async def assert_all_is_there_once(nats_url: str, url: str, published: Published) -> None:
    """By a count from outside, by the dead letters, and by an audit."""
    found = everything(url)
    assert len(found) == len(published.good)
    assert {hit["_id"] for hit in found} == ids(published.good)
    async with dms_events.connect(nats_url) as bus:
        letters = [letter async for letter in bus.dead_letters.find()]
    assert {letter.id for letter in letters} == {message.id for message in published.poison}
    assert all(letter.reason for letter in letters)

    words = ("audit", "--deep", "--json", "--from", nats_url, "--to", url)
    done = await run(*CLI, *words, within_s=sized(60, 900))
    *differences, _ = map(json.loads, done.out.splitlines())
    assert {(one["id"], one["kind"], one["reason"]) for one in differences} == {
        (id, "missing", "dead_letter") for id in ids(published.poison)
    }


def sink_run(nats_server: NatsServer, to: str) -> tuple[str, ...]:
    words = ("sink", "run", "--wait", "--timeout", "4", "--json")
    return (*CLI, *words, "--from", nats_server.url, "--to", to)


async def test_an_elasticsearch_that_is_killed_and_one_that_stands_still_lose_and_double_nothing(
    nats_server: NatsServer, tight: ElasticsearchServer, published: Published
) -> None:
    url = tight.url
    async with (
        dms_events.connect(nats_server.url) as bus,
        running(*sink_run(nats_server, url), "--http", str(port := free_port())) as sink,
    ):

        async def outage_is_told() -> None:
            await published.more(EACH)
            # The log says a reason that comes again once a minute, this page always.
            assert "the sink takes no documents: " in await until_status(port, "503", sink)

        for _ in range(KILLS):
            await published.more(EACH)
            await until_stored(url, len(published.good) - EACH + 1, sink)
            tight.kill()
            await outage_is_told()
            await asyncio.sleep(AWAY_S)
            tight.start()  # it would end with a thread of its own
        await until_stored(url, len(published.good), sink)
        with tight.frozen():
            await outage_is_told()
            await asyncio.sleep(FROZEN_S)
        await until_stored(url, len(published.good), sink)
        await until_settled(bus)
        sink.send(SIGTERM)
        done = await sink.finish()
        tally = tally_in(done.out)
        assert adds_up(tally), tally
        assert tally.stored + tally.unsure + tally.duplicates == len(published.good), tally
        assert tally.rejected == len(published.poison), tally
        await assert_all_is_there_once(nats_server.url, url, published)


async def until_settled(bus: Bus) -> None:
    async with bus.subscribe("elk_stats.*", durable=DURABLE) as messages, asyncio.timeout(60):
        while await messages.backlog():  # noqa: ASYNC110 - only the broker knows
            await asyncio.sleep(0.1)


async def test_two_sinks_on_one_durable_of_which_one_is_killed_again_and_again_lose_nothing(
    nats_server: NatsServer, tight: ElasticsearchServer, published: Published
) -> None:
    url = tight.url
    async with dms_events.connect(nats_server.url) as bus, AsyncExitStack() as programs:

        async def started() -> Running:
            return await programs.enter_async_context(running(*sink_run(nats_server, url)))

        sinks = [await started(), await started()]
        for _ in range(SINK_KILLS):
            stored = len(published.good)
            await published.more(EACH)
            await until_stored(url, stored + 1, *sinks)
            await sinks.pop(0).kill()
            sinks.append(await started())
            await published.more(EACH)
            await until_stored(url, len(published.good), *sinks)
        await until_settled(bus)
        for sink in sinks:
            sink.send(SIGTERM)
            done = await sink.finish()
            assert done.code == 0, done
            assert adds_up(tally_in(done.out)), done
        await assert_all_is_there_once(nats_server.url, url, published)


async def test_what_is_published_while_the_disk_is_full_is_stored_once_there_is_room(
    nats_server: NatsServer, empty_elasticsearch_url: str, published: Published
) -> None:
    url = empty_elasticsearch_url

    def flooded(block: bool | None) -> None:
        """As the server does it itself above its flood-stage watermark, and below it again."""
        settings = {"index.blocks.read_only_allow_delete": block}
        call(f"{url}/dms-elk_stats.*/_settings", "PUT", settings)

    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.sink_for(url) as sink,
    ):
        published.good = sent = prepared(bus, 2 * EACH)
        forwarder = Forwarder(bus, sink)
        async with forwarding(forwarder):
            await bus.publish_many(sent[:EACH])
            await until(lambda: forwarder.stats.stored == EACH, "the first half is stored")
            flooded(True)
            await bus.publish_many(sent[EACH:])
            await until(lambda: forwarder.stats.again > EACH, "the others come again")
            assert forwarder.stats.stored == EACH
            flooded(None)
            await until(lambda: forwarder.stats.stored == 2 * EACH, "the second half is stored")
        assert forwarder.stats.duplicates == 0
        await assert_all_is_there_once(nats_server.url, url, published)
