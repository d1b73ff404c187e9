"""A relay goes on whatever becomes of its target, and loses nothing that it does not count."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

import dms_events
from dms_events import PublishError, Relay
from dms_events_nats import NatsServer
from tests.kit.libp2p.buses import connect, eventually, hears
from tests.kit.libp2p.relays import relaying, stored
from tests.kit.servers.operator import Operator
from tests.kit.soak import sized
from tests.kit.storing import call, ids_of, prepared

NARROW = "max_payload: 65536"


@pytest.mark.soak
async def test_what_is_heard_while_the_server_is_away_is_stored_when_it_is_back(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    async with (
        dms_events.connect(nats_server.url, publish_timeout_s=0.2) as target,
        connect() as node,
        relaying(target, node) as relay,
    ):
        await hears(node, relay.node)
        kills = sized(1, 20)

        async def tried_again() -> None:
            before = relay.tally.retries
            await eventually(lambda: relay.tally.retries > before)

        for first in range(0, kills * 500, 500):
            await node.publish_many(prepared(node, 100, first))
            await nats_server.kill()
            await node.publish_many(prepared(node, 400, first + 100))
            await tried_again()
            await nats_server.start()
        await eventually(lambda: relay.tally.stored == kills * 500)
        assert relay.tally.dropped == 0
    assert len(await stored(nats_server.url)) == kills * 500
    waits = [line for line in caplog.messages if "events wait for nats://" in line]
    assert 1 <= len(waits) <= kills, "not for each attempt"
    assert any(line.endswith("takes events again") for line in caplog.messages)


async def test_what_finds_no_room_is_dropped_and_counted(nats_server: NatsServer) -> None:
    async with (
        dms_events.connect(nats_server.url, publish_timeout_s=0.2) as target,
        connect() as node,
        relaying(target, node, buffer_messages=50) as relay,
    ):
        await hears(node, relay.node)
        await nats_server.kill()
        await node.publish_many(prepared(node, 400))
        await eventually(lambda: relay.tally.dropped > 0)
        await nats_server.start()
        tally = relay.tally
        await eventually(lambda: tally.stored + tally.dropped == 400)
    assert len(await stored(nats_server.url)) == relay.tally.stored


async def test_an_event_that_can_never_be_stored_is_left_out_and_disturbs_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    async with (
        NatsServer(tmp_path / "nats", config=NARROW) as server,
        dms_events.connect(server.url) as target,
        connect() as node,
        relaying(target, node) as relay,
    ):
        await hears(node, relay.node)
        good = prepared(node, 30)
        bad = [node.prepare(call(n, status="x" * 60_000)) for n in range(3)]
        await node.publish_many([*good[:10], bad[0], *good[10:20], *bad[1:], *good[20:]])
        await eventually(lambda: (relay.tally.stored, relay.tally.refused) == (30, 3))
        assert relay.tally.retries == 0
        found = await stored(server.url)
    assert sorted(one.data for one in found) == sorted(one.data for one in good)
    assert "events were left out so far: elk_stats.ServiceCall is 80," in caplog.text


async def test_a_limit_of_the_stream_that_an_event_breaks_by_itself_disturbs_no_other(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with (
        dms_events.connect(nats_server.url) as target,
        connect() as quiet,
        connect(quiet) as loud,
        relaying(target, quiet, loud) as relay,
    ):
        await operator.change_stream(
            max_msg_size=10_000,
            discard="new",
            max_msgs_per_subject=5,
            discard_new_per_subject=True,
        )
        for node in (quiet, loud):
            await hears(node, relay.node)
        await loud.publish_many([loud.prepare(call(0, status="x" * 20_000)), *prepared(loud, 20)])
        await quiet.publish_many(prepared(quiet, 5))
        await eventually(lambda: (relay.tally.stored, relay.tally.refused) == (10, 16))


async def test_a_full_stream_is_waited_for(nats_server: NatsServer, operator: Operator) -> None:
    async with (
        dms_events.connect(nats_server.url, max_messages=10) as target,
        connect() as node,
        relaying(target, node) as relay,
    ):
        await hears(node, relay.node)
        await node.publish_many(prepared(node, 30))
        await eventually(lambda: relay.tally.stored == 10 and relay.tally.retries > 1)
        await operator.change_stream(max_msgs=100)
        await eventually(lambda: relay.tally.stored == 30)
        assert relay.tally.refused == 0


async def test_a_stop_publishes_what_was_heard_before(nats_server: NatsServer) -> None:
    async with (
        dms_events.connect(nats_server.url, publish_timeout_s=0.2) as target,
        connect() as node,
        connect(node) as source,
    ):
        relay = Relay(source, target)
        running = asyncio.create_task(relay.run())
        await hears(node, source)
        await nats_server.kill()
        await node.publish_many(prepared(node, 600))
        await eventually(lambda: source.transport._gossip._count == 600)
        relay.stop()
        await nats_server.start()
        assert (await running).stored == 600


async def test_a_stop_that_cannot_publish_all_hands_back_the_rest(nats_server: NatsServer) -> None:
    async with (
        dms_events.connect(nats_server.url, publish_timeout_s=0.2) as target,
        connect() as node,
        connect(node) as source,
    ):
        relay = Relay(source, target, drain_s=0.5)
        running = asyncio.create_task(relay.run())
        await hears(node, source)
        await nats_server.kill()
        sealed = prepared(node, 600)
        await node.publish_many(sealed)
        await eventually(lambda: source.transport._gossip._count == 600)
        relay.stop()
        with pytest.raises(
            PublishError, match="600 events that were heard are not relayed within"
        ) as cut:
            await running
        assert {one.data for one in cut.value.unacknowledged} == {one.data for one in sealed}
        await nats_server.start()
        await target.publish_many(cut.value.unacknowledged)
    assert len(ids_of(cut.value.unacknowledged)) == len(await stored(nats_server.url)) == 600
