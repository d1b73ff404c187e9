"""A relayed event has one identity, whichever relay stored it, and whenever and wherever it is read."""

from __future__ import annotations

import asyncio
from pathlib import Path

from libp2p.crypto.ed25519 import create_new_key_pair

import dms_events
from dms_events import Bus, OutgoingMessage
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.contract.places import buried, collect
from tests.kit.libp2p.buses import connect, eventually, hears
from tests.kit.libp2p.hostile import attack, framed, message
from tests.kit.libp2p.relays import bare, named, relaying, stored
from tests.kit.servers.backup import backed_up, restored
from tests.kit.servers.operator import Operator
from tests.kit.storing import call, count_in, forward

CALL = "elk_stats.ServiceCall"
EVENT = dms_events.encode(call(1))
ENVELOPES = {"bare": bare(EVENT), "named": named(EVENT, "an ID that its node chose\n")}


async def publish(bus: Bus, *envelopes: bytes) -> None:
    await bus.publish_many([OutgoingMessage("events", CALL, "", "", data) for data in envelopes])


async def identities(bus: Bus, count: int) -> list[str]:
    """Of what is stored, in order."""
    async with bus.subscribe(ServiceCall, start="all") as messages:
        return [m.identity for m in await collect(messages, count)]


async def test_an_event_has_the_identity_that_it_had_on_gossip(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with (
        dms_events.connect(nats_server.url) as target,
        connect() as node,
        connect(node) as reader,
        reader.subscribe(ServiceCall) as messages,
        relaying(target, node) as relay,
    ):
        await hears(node, relay.node)
        await hears(node, reader)
        await publish(node, *ENVELOPES.values())
        await eventually(lambda: relay.tally.stored == 2)
        heard = [m.identity for m in await collect(messages, 2)]
        assert len(set(heard)) == 2
        assert set(await identities(target, 2)) == set(heard)
        async with target.subscribe(ServiceCall, durable="d") as again:
            for attempt in (1, 2):
                redelivered = await collect(again, 2, ack=False)
                assert {m.identity for m in redelivered} == set(heard)
                assert {m.attempt for m in redelivered} == {attempt}
                for each in redelivered:
                    await each.nak()
        backup = await backed_up(operator.client, "DMS_EVENTS")
        await operator.api("STREAM.DELETE.DMS_EVENTS")
        await restored(operator.client, backup)
        assert set(await identities(target, 2)) == set(heard)


async def test_beyond_the_window_of_the_server_a_sink_still_has_it_once(
    nats_server: NatsServer, database: Path
) -> None:
    signer = create_new_key_pair()
    frames = [framed(message(signer, data)) for data in ENVELOPES.values()]
    async with dms_events.connect(nats_server.url, duplicate_window_s=0.1) as target:
        for life in range(2):
            async with relaying(target) as relay:
                [address] = relay.node.transport.addresses
                await attack(address, frames, signer, 30, done=lambda: relay.tally.stored == 2)
            if life == 0:
                await until_forgotten(target, nats_server.url)
        async with dms_events.sink_for(f"sqlite:{database}") as sink:
            tally = await forward(target, sink)
    assert (tally.stored, tally.duplicates, tally.rejected) == (2, 2, 0)
    assert count_in(database) == 2


async def until_forgotten(bus: Bus, url: str) -> None:
    """Until the server has forgotten an id that it hears now, and with it those before."""
    probe = OutgoingMessage("events", "no.event", "", "probe", b"")
    before = len(await stored(url))
    async with asyncio.timeout(20):
        while len(await stored(url)) < before + 2:
            await bus.publish(probe)


async def test_a_dead_letter_of_it_is_replayed_under_its_identity(nats_server: NatsServer) -> None:
    async with (
        dms_events.connect(nats_server.url) as target,
        connect() as node,
        relaying(target, node) as relay,
    ):
        await hears(node, relay.node)
        await publish(node, ENVELOPES["bare"])
        await eventually(lambda: relay.tally.stored == 1)
        [identity] = await identities(target, 1)
        letter = await buried(target)
        await target.dead_letters.replay(letter)
        assert await identities(target, 2) == [identity, identity]
