"""What nodes gossip is stored once, byte for byte, under who signed it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID

import dms_events
from dms_events import (
    Bus,
    ConfigError,
    ConnectionLostError,
    OutgoingMessage,
    Relay,
    RelayTally,
)
from dms_events.identity import id_of_document
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.contract.places import collect
from tests.kit.libp2p.buses import connect, eventually, hears
from tests.kit.libp2p.hostile import attack, framed, message
from tests.kit.libp2p.relays import Relaying, bare, named, relaying, stored
from tests.kit.storing import call, prepared

CALL = "elk_stats.ServiceCall"
EVENT = dms_events.encode(call(1))


async def publish(bus: Bus, *envelopes: bytes) -> None:
    """These bytes, as they are."""
    await bus.publish_many([OutgoingMessage("events", CALL, "", "", data) for data in envelopes])


async def heard_by(publisher: Bus, *relays: Relaying) -> None:
    for relay in relays:
        await hears(publisher, relay.node)


async def test_an_envelope_is_stored_as_it_was_signed(nats_server: NatsServer) -> None:
    odd = b" " + bare(EVENT, "ServiceCall").replace(b'{"Type"', b'{"unknown": 1, "Type"')
    async with (
        dms_events.connect(nats_server.url) as target,
        connect() as go,
        connect(encoding="msgpack") as python,
        relaying(target, go, python) as relay,
    ):
        await heard_by(go, relay)
        await heard_by(python, relay)
        sealed = python.prepare(call(2))
        await python.publish(sealed)
        await publish(go, odd)
        await eventually(lambda: relay.tally.stored == 2)
        sources = {go.transport.peer_id, python.transport.peer_id}
        async with target.subscribe(ServiceCall, start="all") as messages:
            assert {m.event for m in await collect(messages, 2)} == {call(1), call(2)}
    found = await stored(nats_server.url)
    assert {one.data for one in found} == {odd, sealed.data}
    assert {one.source for one in found} == sources
    assert all(one.subject.startswith("dms.events.elk_stats.ServiceCall.") for one in found)


async def test_what_several_relays_hear_is_stored_once(nats_server: NatsServer) -> None:
    async with (
        dms_events.connect(nats_server.url) as one_target,
        dms_events.connect(nats_server.url) as other_target,
        connect() as node,
        relaying(one_target, node) as one,
        relaying(other_target, node) as other,
    ):
        await heard_by(node, one, other)
        envelopes = [bare(EVENT), *(named(EVENT, f"id-{n}") for n in range(49)), bare(EVENT)]
        await publish(node, *envelopes)
        relays = (one, other)
        await eventually(lambda: all(r.tally.stored + r.tally.duplicates == 51 for r in relays))
        assert sum(relay.tally.stored for relay in relays) == 51
        assert sum(relay.tally.duplicates for relay in relays) == 51
    found = await stored(nats_server.url)
    assert sorted(one.data for one in found) == sorted(envelopes)
    assert len({one.id for one in found}) == 51


async def test_a_duplicate_of_another_relay_is_no_warning(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    async with (
        dms_events.connect(nats_server.url) as target,
        connect() as node,
        relaying(target, node) as relay,
    ):
        await heard_by(node, relay)
        sealed = node.prepare(call(1))
        header = id_of_document(node.transport.peer_id, sealed.id)
        await target.publish(OutgoingMessage("events", CALL, "", header, sealed.data))
        await node.publish(sealed)
        await eventually(lambda: relay.tally.duplicates == 1)
    assert "stored before" not in caplog.text


async def test_an_id_that_another_signer_took_keeps_nobody_out(nats_server: NatsServer) -> None:
    async with (
        dms_events.connect(nats_server.url) as target,
        connect() as thief,
        connect(thief) as victim,
        relaying(target, thief, victim) as relay,
    ):
        await heard_by(thief, relay)
        await heard_by(victim, relay)
        await publish(thief, named(EVENT, "the-id", source=victim.transport.peer_id))
        await eventually(lambda: relay.tally.stored == 1)
        await publish(victim, named(EVENT, "the-id", source=victim.transport.peer_id))
        await eventually(lambda: relay.tally.stored == 2)
        assert relay.tally.differing_claims == 1
        async with target.subscribe(ServiceCall, start="all") as messages:
            first, second = await messages.take(1) + await messages.take(1)
    assert (first.source, second.source) == (thief.transport.peer_id, victim.transport.peer_id)
    assert first.identity != second.identity
    assert first.claimed_source == victim.transport.peer_id


async def test_what_is_forged_or_signed_again_is_never_its_victims(nats_server: NatsServer) -> None:
    forger, again = create_new_key_pair(), create_new_key_pair()
    async with (
        dms_events.connect(nats_server.url) as target,
        connect() as victim,
        relaying(target, victim, refuse_address_s=0) as relay,
    ):
        await heard_by(victim, relay)
        name = victim.transport.peer_id
        copied = [named(EVENT, f"id-{n}", source=name) for n in range(500)]
        [address] = relay.node.transport.addresses
        as_victim = {"from_id": ID.from_base58(name).to_bytes()}
        forged = [framed(message(forger, data, **as_victim)) for data in copied]
        assert await attack(address, forged, forger), "it is left"
        signed_again = [framed(message(again, data)) for data in copied]
        await attack(
            address, signed_again, again, 30, done=lambda: relay.tally.stored == len(copied)
        )
        await publish(victim, *copied)
        await eventually(lambda: relay.tally.stored == 2 * len(copied))
        assert relay.tally.differing_claims == len(copied)
    found = await stored(nats_server.url)
    culprit = ID.from_pubkey(again.public_key).to_base58()
    assert [one.source for one in found] == [culprit] * 500 + [name] * 500
    assert len({one.id for one in found}) == 1_000


async def test_a_thousand_replayed_messages_are_counted_and_stored_once(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    signer = create_new_key_pair()
    frames = [framed(message(signer, bare(EVENT))) for _ in range(1_000)]
    async with dms_events.connect(nats_server.url) as target:

        async def replay(to: Relaying, counted: Callable[[], int]) -> None:
            [address] = to.node.transport.addresses
            await attack(address, frames, signer, 30, done=lambda: counted() == 1_000)
            assert counted() == 1_000

        async with relaying(target, state_dir=tmp_path) as first:
            await replay(first, lambda: first.tally.stored)
        async with relaying(target, state_dir=tmp_path) as again:
            await replay(again, lambda: again.node.transport.figures.replayed)
            assert again.tally == RelayTally(), "it knows them from its earlier life"
        async with relaying(target) as other:
            await replay(other, lambda: other.tally.duplicates)
            assert other.tally.stored == 0
    assert len(await stored(nats_server.url)) == 1_000


async def test_junk_is_counted_and_left_out(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dms_events")
    async with (
        dms_events.connect(nats_server.url) as target,
        connect() as node,
        relaying(target, node) as relay,
    ):
        await heard_by(node, relay)
        other_type = bare(EVENT, "elk_stats.NtxPayment")
        await publish(node, b"junk", bare(b"{"), other_type, bare(EVENT))
        await eventually(lambda: (relay.tally.undecodable, relay.tally.stored) == (3, 1))
        figures = "relay: 1 stored · 3 undecodable, 0 in hand"
        await eventually(lambda: figures in caplog.messages)
    assert [one.data for one in await stored(nats_server.url)] == [bare(EVENT)]


async def test_a_source_that_ends_ends_the_relay_after_what_it_heard(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url) as target, connect() as node:
        source = connect(node)
        await source.open()
        relay = Relay(source, target)
        running = asyncio.create_task(relay.run())
        await hears(node, source)
        await node.publish_many(prepared(node, 20))
        await eventually(lambda: source.transport._gossip._count == 20)
        await source.close()
        with pytest.raises(ConnectionLostError, match="closed"):
            await running
        assert relay.tally.stored == 20


async def test_only_what_proves_its_sources_and_what_keeps_events_is_taken(
    nats_server: NatsServer,
) -> None:
    nats, core = (dms_events.connect(nats_server.url, durable=d) for d in (True, False))
    memory, gossip = dms_events.connect("memory://"), connect()
    for source in (memory, nats, core):
        with pytest.raises(ConfigError, match=r"source: .*does not prove.*libp2p://"):
            Relay(source, nats)
    for target in (memory, core, gossip):
        with pytest.raises(ConfigError, match=r"target: .*does not keep.*nats://"):
            Relay(gossip, target)
