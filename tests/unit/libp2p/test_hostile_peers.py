"""Whatever a peer sends, the node lives, serves the others, and leaves who does not keep to the rules."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.utils.varint import encode_uvarint

from dms_events import Bus
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import call, collect, event_calls
from tests.kit.libp2p.buses import connect, eventually, hears
from tests.kit.libp2p.hostile import attack, framed, get_in, message, rsa_id
from tests.kit.soak import sized

PAIR = create_new_key_pair()
OTHER = create_new_key_pair()
GOOD = b'{"Type":"elk_stats.ServiceCall","Data":"e30="}'
LIMIT = 1 << 20
FATAL = {
    "an RPC that is no protobuf": [encode_uvarint(64) + b"\xff" * 64],
    "a length of 2^63": [encode_uvarint(1 << 63)],
    "a length that does not end": [b"\xff" * 11],
    "a frame over the limit": [encode_uvarint(LIMIT + 1) + b"x" * 65_536],
    "junk": [b"\xff" * 4_096],
}
"""After one of these nothing on the stream can be read any more."""
BAD = {
    "unsigned": message(PAIR, GOOD, signature=b""),
    "a wrong signature": message(PAIR, GOOD, signature=b"\1" * 64),
    "a short signature": message(PAIR, GOOD, signature=b"\1"),
    "signed by another": message(PAIR, GOOD, from_id=message(OTHER, b"").from_id),
    "no signer": message(PAIR, GOOD, from_id=b""),
    "a signer that is no id": message(PAIR, GOOD, from_id=b"\x00\x24\x08\x01junk"),
    "an RSA signer with a junk key": message(PAIR, GOOD, from_id=rsa_id(), key=b"\xff" * 3),
    "an RSA signer without a key": message(PAIR, GOOD, from_id=rsa_id()),
    "no seqno": message(PAIR, GOOD, seqno=b""),
}


async def alive(victim: Bus, friend: Bus) -> None:
    """A message of somebody who was connected before still arrives."""
    async with victim.subscribe(ServiceCall) as messages:
        await friend.publish(call(7))
        assert [m.event.call_id for m in await collect(messages, 1)] == [7.0]


@pytest.mark.parametrize("parts", FATAL.values(), ids=FATAL)
async def test_a_peer_whose_bytes_cannot_be_read_is_left_and_refused(parts: list[bytes]) -> None:
    async with (
        connect(refuse_address_s=0) as victim,
        connect(victim) as friend,
        victim.subscribe(ServiceCall),
    ):
        await hears(friend, victim)
        [address] = victim.transport.addresses
        assert await attack(address, parts, PAIR)
        await alive(victim, friend)
        assert await get_in(address, pair=PAIR) == 0, "it is refused"
        assert await get_in(address) == 1, "others are not"


async def test_bad_messages_end_nothing_and_are_not_delivered() -> None:
    async with (
        connect() as victim,
        connect(victim) as friend,
        victim.subscribe(ServiceCall) as messages,
    ):
        await hears(friend, victim)
        [address] = victim.transport.addresses
        frames = [framed(bad) for bad in BAD.values()]
        assert not await attack(address, frames, PAIR, within_s=0.5)
        await alive(victim, friend)
        assert [m.event.call_id for m in await collect(messages, 1)] == [7.0]
        strikes = victim.transport._node.pubsub.strikes
        await eventually(lambda: sum(strikes.values()) == len(BAD))


@pytest.mark.parametrize("junk", ["signed", "unsigned"])
async def test_a_peer_that_sends_junk_is_left_while_another_is_served(junk: str) -> None:
    fields: dict[str, Any] = {} if junk == "signed" else {"signature": b""}
    noise = [framed(message(PAIR, b"junk %d" % n, **fields)) for n in range(2_000)]
    async with (
        connect() as victim,
        connect(victim) as friend,
        victim.subscribe(ServiceCall, prefetch=2_000) as messages,
    ):
        await hears(friend, victim)
        [address] = victim.transport.addresses
        is_left, _ = await asyncio.gather(
            attack(address, noise, PAIR), friend.publish_many(event_calls(1_000))
        )
        assert is_left
        arrived = await collect(messages, 1_000)
        assert messages.undecodable == (20 if junk == "signed" else 0)
        assert await get_in(address) == 0, "nor gets anybody in from its address, for a time"
        figures = victim.transport.figures
    assert sorted(m.event.call_id for m in arrived) == list(range(1_000))
    assert (figures.invalid, figures.unsigned) == ((20, 0) if junk == "signed" else (0, 20))
    assert figures.refused_peers == 1
    assert figures.refused >= 1


async def test_a_peer_is_left_in_the_middle_of_its_rpc() -> None:
    noise = framed(*(message(PAIR, b"junk %d" % n, signature=b"") for n in range(1_000)))
    async with connect() as victim, connect(victim) as friend, victim.subscribe(ServiceCall):
        await hears(friend, victim)
        assert await attack(victim.transport.addresses[0], [noise], PAIR)
        await alive(victim, friend)
        assert victim.transport.figures.unsigned == 20


async def test_junk_is_counted_by_its_readers_and_not_relayed() -> None:
    async with (
        connect() as victim,
        connect(victim) as friend,
        victim.subscribe(ServiceCall) as near,
        friend.subscribe(ServiceCall) as far,
    ):
        await hears(victim, friend)
        await hears(friend, victim)
        [address] = victim.transport.addresses
        noise = [framed(message(PAIR, os.urandom(8)), message(PAIR, GOOD))]
        await attack(address, noise, PAIR, within_s=0.2)
        assert len(await collect(near, 1)) == len(await collect(far, 1)) == 1
        assert (near.undecodable, far.undecodable) == (1, 0)


async def test_what_a_signer_says_of_others_does_not_count() -> None:
    claim = GOOD[:-1] + b',"ID":"x","Source":"somebody"}'
    async with connect() as victim, victim.subscribe(ServiceCall) as messages:
        [address] = victim.transport.addresses
        await attack(address, [framed(message(PAIR, claim))], PAIR, within_s=0.2)
        [stated] = await collect(messages, 1)
        assert stated.claimed_source == "somebody"
        assert stated.source.startswith("12D3KooW")
        assert messages.differing_claims == 1


async def test_a_handler_that_raises_ends_its_stream_only() -> None:
    async with connect() as victim, connect(victim) as friend, victim.subscribe(ServiceCall):
        await hears(friend, victim)

        async def broken(stream: object) -> None:
            raise RuntimeError("the handler is broken")

        node = victim.transport._node
        node.host.set_stream_handler("/ipfs/ping/1.0.0", broken)
        assert await get_in(victim.transport.addresses[0]) == 0
        await alive(victim, friend)


async def test_a_peer_that_never_ends_a_frame_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dms_events_libp2p.workarounds.frames._FRAME_S", 0.3)
    async with connect() as victim, connect(victim) as friend, victim.subscribe(ServiceCall):
        await hears(friend, victim)
        [address] = victim.transport.addresses
        assert await attack(address, [encode_uvarint(1_000) + b"x" * 10], PAIR)
        await alive(victim, friend)


@pytest.mark.soak
async def test_a_node_lives_through_peers_that_come_and_go_and_admits_the_next() -> None:
    async with connect() as victim, connect(victim) as friend, victim.subscribe(ServiceCall):
        await hears(friend, victim)
        [address] = victim.transport.addresses
        limiter = victim.transport._node.host.get_network()._inbound_limiter
        for _ in range(sized(40, 600) // 20):
            assert await get_in(address, 20) == 20
        await eventually(lambda: limiter.borrowed_tokens == 1)
        await alive(victim, friend)


async def test_an_inbound_slot_is_given_back_when_its_connection_ends() -> None:
    async with connect() as victim:
        limiter = victim.transport._node.host.get_network()._inbound_limiter
        limiter.total_tokens = 4
        [address] = victim.transport.addresses
        for _ in range(3):
            assert await get_in(address, 3) == 3
            await eventually(lambda: limiter.borrowed_tokens == 0)


async def test_an_address_has_a_limit_of_connections() -> None:
    async with connect(connections_per_address=2) as victim:
        [address] = victim.transport.addresses
        assert await get_in(address, 5) == 2
        assert victim.transport.figures.refused >= 3
        await eventually(lambda: victim.transport.figures.peers == 0)
        assert await get_in(address, 2) == 2
