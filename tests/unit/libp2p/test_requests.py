"""Requests between nodes: peers that do not keep to the rules, and what a cancellation leaves."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID

from dms_events import (
    Bus,
    ConfigError,
    ConnectionLostError,
    NoResponderError,
    RequestError,
    RequestTimeoutError,
)
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse, DeploymentUpdate
from dms_events_libp2p.node import streams
from dms_events_libp2p.node.room import Room
from tests.kit.libp2p.asking import PROTOCOL, asks, framed
from tests.kit.libp2p.buses import connect, eventually

GOOD = framed(b'{"Type":"deployment.DeploymentRequest","Data":"e30="}')
LARGEST = 1 << 20


async def deploy(event: DeploymentRequest) -> DeploymentResponse:
    if event.service_type == "slow":
        await asyncio.sleep(0.3)
    return DeploymentResponse(success=True)


async def ask(bus: Bus, responder: Bus, **options: Any) -> DeploymentResponse:
    to = options.pop("to", responder.transport.peer_id)
    return await bus.request(DeploymentRequest(), DeploymentResponse, to=to, **options)


@pytest_asyncio.fixture
async def responder() -> AsyncIterator[Bus]:
    async with connect() as bus, bus.respond(DeploymentRequest, deploy, concurrency=100):
        yield bus


@pytest_asyncio.fixture
async def bus(responder: Bus) -> AsyncIterator[Bus]:
    async with connect(responder) as bus:
        await eventually(lambda: bus.transport.peers)
        yield bus


def open_streams(bus: Bus, other: Bus) -> list[int]:
    network = bus.transport._node.host.get_network()
    found = network.get_connections(ID.from_base58(other.transport.peer_id))
    return [len(connection.muxed_conn.streams) for connection in found]


async def at_peace(bus: Bus, other: Bus) -> None:
    """Until each has but the two streams of gossip to the other, and all room is given back."""
    await eventually(lambda: open_streams(bus, other) == open_streams(other, bus) == [2])
    for each in (bus, other):
        room: Room = each.transport._node.requests_room
        await eventually(lambda room=room: not (room.held or room._bytes))  # type: ignore[misc]


@pytest.mark.parametrize(
    "data",
    [
        (1 << 63).to_bytes(8, "little"),
        (LARGEST + 1).to_bytes(8, "little") + bytes(100),
        b"\xff" * 100,
    ],
    ids=["no length", "too large", "no frame"],
)
async def test_a_frame_that_is_none_is_reset_and_counts_against_its_peer(
    responder: Bus, bus: Bus, data: bytes
) -> None:
    [address], pair = responder.transport.addresses, create_new_key_pair()
    assert await asks(address, data, pair=pair) == [b""]
    assert await asks(address, data, pair=pair, streams=30) == [b""] * 30
    stranger = ID.from_pubkey(pair.public_key)
    await eventually(lambda: responder.transport._node.admission.refuses_peer(stranger))
    assert (await ask(bus, responder)).success, "another peer is served"
    await at_peace(bus, responder)


async def test_a_request_is_one_frame(responder: Bus, bus: Bus) -> None:
    [address] = responder.transport.addresses
    [answer] = await asks(address, GOOD)
    assert answer is not None
    assert b'"Type":"deployment.DeploymentResponse"' in answer
    slow = b'{"Type":"deployment.DeploymentRequest","Data":"eyJzZXJ2aWNlX3R5cGUiOiJzbG93In0="}'
    assert await asks(address, framed(slow) + b"more") == [b""]
    assert (await ask(bus, responder)).success


@pytest.mark.parametrize("data", [b"\x10", GOOD[:-1], GOOD[:8]], ids=["byte", "rest", "prefix"])
async def test_a_frame_that_does_not_end_has_its_time(
    responder: Bus, bus: Bus, data: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_FRAME_S", 0.3)
    [address] = responder.transport.addresses
    assert await asks(address, data, streams=20) == [b""] * 20
    assert (await ask(bus, responder)).success
    await at_peace(bus, responder)


async def test_requests_that_say_nothing_cost_others_nothing(responder: Bus, bus: Bus) -> None:
    [address], stop = responder.transport.addresses, threading.Event()
    pairs = create_new_key_pair(), create_new_key_pair()
    floods = [
        asyncio.ensure_future(asks(address, b"", streams=100, pair=pair, stop=stop))
        for pair in pairs
    ]
    await eventually(lambda: responder.transport.figures.inbound_requests == 200)
    assert (await ask(bus, responder)).success
    stop.set()
    assert await asyncio.gather(*floods) == [[None] * 100] * 2
    await at_peace(bus, responder)


async def test_answers_that_a_peer_does_not_take_are_bounded(bus: Bus, responder: Bus) -> None:
    handled, stop = 0, threading.Event()

    async def much(event: DeploymentUpdate) -> DeploymentResponse:
        nonlocal handled
        handled += 1
        return DeploymentResponse(content="#" * 700_000)

    request = framed(b'{"Type":"deployment.DeploymentUpdate","Data":"e30="}')
    [address] = responder.transport.addresses
    protocol = PROTOCOL.replace("Request/", "Update/")
    async with responder.respond(DeploymentUpdate, much, concurrency=5):
        flood = asyncio.ensure_future(
            asks(address, request, streams=60, protocol=protocol, stop=stop, reads=False)
        )
        await eventually(lambda: responder.transport.figures.inbound_requests == 60)
        await eventually(lambda: handled >= 9)
        assert (await ask(bus, responder)).success
        update = await bus.request(
            DeploymentUpdate(), DeploymentResponse, to=responder.transport.peer_id
        )
        assert len(update.content) == 700_000, "another peer has room of its own"
        assert handled <= 16
        stop.set()
        await flood
    await at_peace(bus, responder)


def test_room_is_bounded_for_a_peer_and_for_all() -> None:
    room = Room(1_000)
    assert all(room.enter("a") for _ in range(256))
    assert not room.enter("a")
    assert room.take("a", 500)
    assert not room.take("a", 1), "a peer has a half"
    assert room.enter("b")
    assert room.take("b", 500)
    assert room.enter("c")
    assert not room.take("c", 1), "there is no more"
    room.leave("b", 500)
    assert room.take("c", 1)
    assert room.refused == 3


async def test_a_requester_that_leaves_costs_nothing(responder: Bus, bus: Bus) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(event: DeploymentRequest) -> DeploymentResponse:
        begun.set()
        await go_on.wait()
        return DeploymentResponse()

    async with connect(bus) as other, bus.respond(DeploymentRequest, wait) as slow:
        asking = [asyncio.ensure_future(ask(other, bus)) for _ in range(5)]
        await begun.wait()
        await eventually(lambda: slow.held == 5)
        for each in asking:
            each.cancel()
        await asyncio.wait(asking)
        await at_peace(bus, other)
        assert slow.held == 5, "a handler is not told"
        go_on.set()
        await eventually(lambda: not slow.held)


async def test_a_node_that_closes_ends_its_requests_and_its_answers(
    responder: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def wait(event: DeploymentRequest) -> DeploymentResponse:
        begun.set()
        await go_on.wait()
        return DeploymentResponse()

    other = connect(responder)
    await other.open()
    async with other.respond(DeploymentRequest, wait):
        asking = asyncio.ensure_future(ask(responder, other, to=other.transport.addresses[0]))
        await begun.wait()
        await other.close()
        with pytest.raises((RequestError, ConnectionLostError)):
            await asking
        go_on.set()
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_an_opening_that_is_cancelled_leaves_no_stream(responder: Bus, bus: Bus) -> None:
    node, bridge = bus.transport._node, bus.transport._bridge
    [connection] = node.host.get_network().get_connections()
    held, let_go = asyncio.Event(), trio.Event()

    async def hold() -> None:
        async with connection.muxed_conn._write_lock:
            bridge.post(held.set)
            await let_go.wait()

    holding = asyncio.ensure_future(bridge.call(hold))
    await held.wait()
    asked = (ask(bus, responder, timeout_s=0.2) for _ in range(30))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(answer) for answer in answers} == {RequestTimeoutError}
    bridge.soon(let_go.set)
    await holding
    assert (await ask(bus, responder, timeout_s=300)).success
    await at_peace(bus, responder)
    places = connection.muxed_conn.stream_backlog_semaphore
    await eventually(lambda: places.value == 255)


async def test_a_peer_that_cannot_answer_is_an_error_at_once(responder: Bus, bus: Bus) -> None:
    async with connect() as stranger:
        with pytest.raises(NoResponderError, match="is not connected; name its multiaddr"):
            await ask(bus, stranger, timeout_s=300)
        with pytest.raises(NoResponderError, match="does not answer requests of this type"):
            await ask(bus, stranger, to=stranger.transport.addresses[0], timeout_s=300)
    for to, words in (
        ("", "name the peer"),
        ("some body", "neither a peer id nor a multiaddr"),
        (bus.transport.peer_id, "this node itself"),
    ):
        with pytest.raises(ConfigError, match=f"to: .*{words}"):
            await ask(bus, responder, to=to)


async def test_a_type_has_one_responder_in_a_node(responder: Bus) -> None:
    with pytest.raises(ConfigError, match="has a responder in this node"):
        async with responder.respond(DeploymentRequest, deploy):
            pass


async def test_a_request_that_finds_no_room_is_an_error(responder: Bus, bus: Bus) -> None:
    room: Room = responder.transport._node.requests_room
    with contextlib.ExitStack() as full:
        while room.enter("somebody"):
            full.callback(room.leave, "somebody", 0)
        for number in range(10):
            while room.enter(number):
                full.callback(room.leave, number, 0)
        with pytest.raises(RequestError, match=r"refused the request|ended the stream"):
            await ask(bus, responder)
        assert responder.transport.figures.refused_requests > 0
    assert (await ask(bus, responder)).success
    await at_peace(bus, responder)
