"""Below gossip: what streams and yamux frames of a hostile peer cost is bounded, and they end nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
import trio
from libp2p.utils.varint import encode_uvarint

from dms_events.types.deployment import DeploymentRequest, DeploymentResponse
from dms_events.types.elk_stats import ServiceCall
from tests.kit.libp2p.buses import connect, hears
from tests.kit.libp2p.yamux import DATA, FIN, SYN, WINDOW_UPDATE, frame, is_ended, negotiated, send
from tests.kit.soak import seeded, sized
from tests.unit.libp2p.test_hostile_peers import alive

PIECE = b"x" * 65_536
IDS = (0, 1, 2, 3, 1_001, 1_003, 0xFFFFFFFF)


def beyond_its_window(first: bytes) -> Iterator[bytes]:
    """A stream that begins with this, and 16 MiB that nobody asked for."""
    yield frame(DATA, SYN, 1_001, first)
    for _ in range(256):
        yield frame(DATA, 0, 1_001, PIECE)


@pytest.mark.parametrize("protocol", ["/ipfs/ping/1.0.0", "/ipfs/id/push/1.0.0"])
async def test_a_peer_that_sends_beyond_its_window_is_left(
    protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        connect(buffer_bytes=1 << 20) as victim,
        connect(victim) as friend,
        victim.subscribe(ServiceCall),
    ):
        await hears(friend, victim)
        [address] = victim.transport.addresses
        first = negotiated(protocol) + encode_uvarint(1 << 62)
        assert await send(address, beyond_its_window(first))
        assert "of its bytes wait to be read" in caplog.text
        await alive(victim, friend)


async def test_a_message_is_not_waited_for_that_announces_more_than_any_has() -> None:
    async with connect() as victim:
        [address] = victim.transport.addresses
        assert await is_ended(address, negotiated("")[:20] + encode_uvarint(1 << 62))


async def test_a_peer_has_a_limit_of_streams() -> None:
    async def tasks() -> int:
        return int(trio.lowlevel.current_statistics().tasks_living)

    flood = (frame(WINDOW_UPDATE, SYN, 1_001 + 2 * n) for n in range(2_000))
    async with connect() as victim, connect(victim) as friend, victim.subscribe(ServiceCall):
        await hears(friend, victim)
        flooding = asyncio.create_task(send(victim.transport.addresses[0], flood))
        most = 0
        while not flooding.done():
            most = max(most, await victim.transport._bridge.call(tasks))
        assert 256 < most < 500
        await alive(victim, friend)


async def test_junk_in_no_protocol_of_a_node_ends_it() -> None:
    async def deploy(request: DeploymentRequest) -> DeploymentResponse:
        return DeploymentResponse()

    async with (
        connect(dht_prefix="/test", server=True) as victim,
        connect(victim) as friend,
        victim.subscribe(ServiceCall),
        victim.respond(DeploymentRequest, deploy),
    ):
        await hears(friend, victim)
        known = victim.transport._node.host.multiselect.handlers
        protocols = [name for name in known if not name.startswith("/meshsub")]
        assert len(protocols) >= 5, "identify, its push, ping, the DHT and requests"
        junk = [
            frame(DATA, flags, 1_001 + 6 * number + 2 * way, negotiated(protocol) + data)
            for number, protocol in enumerate(protocols)
            for way, (flags, data) in enumerate(
                [
                    (SYN, b"\xff" * 4_096),
                    (SYN, b"\x40" + b"\xff" * 64),
                    (SYN | FIN, b"\x40cut"),
                ]
            )
        ]
        await send(victim.transport.addresses[0], junk)
        await alive(victim, friend)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [seeded(ci) for ci in range(sized(3, 50))])
async def test_frames_of_any_kind_end_nothing(seed: int) -> None:
    dice = random.Random(seed)

    def frames() -> Iterator[bytes]:
        for _ in range(500):
            data = dice.randbytes(dice.choice([0, 0, 1, 20, 300]))
            yield frame(dice.randrange(5), dice.randrange(16), dice.choice(IDS), data)

    async with connect() as victim, connect(victim) as friend, victim.subscribe(ServiceCall):
        await hears(friend, victim)
        await send(victim.transport.addresses[0], frames())
        await alive(victim, friend)
