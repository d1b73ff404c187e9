"""Requests between a Go peer and this library, in frames as the DMS has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trio
from libp2p.peer.id import ID

from dms_events import (
    BadReplyError,
    Bus,
    ConnectionLostError,
    Message,
    NoResponderError,
    OutgoingMessage,
    RequestError,
    RequestTimeoutError,
    ResponderError,
)
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse, DeploymentUpdate
from dms_events_libp2p import requests
from dms_events_libp2p.workarounds import open_stream
from tests.kit.go.libp2p import GoNode
from tests.kit.libp2p.buses import connect, eventually
from tests.kit.soak import sized

LARGEST = 1 << 20


@pytest_asyncio.fixture
async def node(go: Path) -> AsyncIterator[GoNode]:
    async with GoNode.run(go) as node:
        yield node


@pytest_asyncio.fixture
async def bus(node: GoNode) -> AsyncIterator[Bus]:
    async with connect(peers=[node.address]) as bus:
        await eventually(lambda: bus.transport.peers)
        yield bus


async def ask(
    bus: Bus, node: GoNode, service: str = "ml", timeout_s: float = 30
) -> DeploymentResponse:
    request = DeploymentRequest(service_type=service)
    return await bus.request(request, DeploymentResponse, to=node.peer, timeout_s=timeout_s)


def open_streams(bus: Bus, node: GoNode) -> list[tuple[int, int]]:
    """Of each connection to a peer: its streams, and the places taken of those that may be opened."""
    network = bus.transport._node.host.get_network()
    found: list[Any] = [c.muxed_conn for c in network.get_connections(ID.from_base58(node.peer))]
    return [(len(c.streams), 256 - c.stream_backlog_semaphore.value) for c in found]


async def quiet(bus: Bus, node: GoNode) -> None:
    """Until there is nothing but the two streams of gossip."""
    await eventually(lambda: open_streams(bus, node) == [(2, 1)])


async def asked_by_go(node: GoNode, line: str) -> dict[str, Any]:
    before = len(node.of("asked"))
    node.publish(f"request {line}")
    asked = (await node.wait("asked", before + 1))[before]
    return asked


async def test_a_go_peer_answers(bus: Bus, node: GoNode) -> None:
    response = await ask(bus, node)
    assert response.content == f"ml for {bus.transport.peer_id}"
    with pytest.raises(ResponderError, match="says no_funds: nothing was paid"):
        await ask(bus, node, "refuse")
    with pytest.raises(NoResponderError, match="does not answer requests of this type"):
        await bus.request(DeploymentUpdate(), DeploymentResponse, to=node.peer, timeout_s=300)
    by_address = await bus.request(DeploymentRequest(), DeploymentResponse, to=node.address)
    assert by_address.success
    await quiet(bus, node)


async def test_frames_have_any_size_up_to_the_largest(bus: Bus, node: GoNode) -> None:
    for size in (0, 1, 4_095, 65_536, 262_145, LARGEST):
        data = bytes(size)
        message = OutgoingMessage("requests", "deployment.DeploymentRequest", "", "1", data)
        assert await bus.transport.request(message, node.peer, 30.0) == data
    large = OutgoingMessage("requests", "deployment.DeploymentRequest", "", "1", bytes(LARGEST + 1))
    with pytest.raises(RequestError, match="over the limit"):
        await bus.transport.request(large, node.peer, 30.0)
    await quiet(bus, node)


@pytest.mark.soak
async def test_a_go_peer_is_asked_a_thousand_times_by_many_at_once(bus: Bus, node: GoNode) -> None:
    count = sized(1_000, 20_000)
    numbers = iter(range(count))
    answers = []

    async def some() -> None:
        for number in numbers:
            answers.append((await ask(bus, node, str(number), 60)).content)

    await asyncio.gather(*(some() for _ in range(120)))  # of which 50 are under way
    assert sorted(int(answer.partition(" ")[0]) for answer in answers) == list(range(count))
    await quiet(bus, node)


@pytest.mark.soak
async def test_a_go_peer_asks(bus: Bus, node: GoNode) -> None:
    seen: list[Message[DeploymentRequest]] = []

    async def handle(
        event: DeploymentRequest, message: Message[DeploymentRequest]
    ) -> DeploymentResponse:
        seen.append(message)
        if event.service_type == "bad":
            raise ValueError("no such image")
        return DeploymentResponse(success=True, content=event.metadata_hash)

    async with bus.respond(DeploymentRequest, handle, concurrency=50):
        for line in (f"ml {sized(1_000, 20_000)} 50 10", "ml 100 100 1000", "ml 20 5 550000"):
            asked = await asked_by_go(node, line)
            assert asked["failures"] == {}
            assert asked["types"] == {"deployment.DeploymentResponse": int(line.split()[1])}
        assert asked["size"] > 550_000
        asked = await asked_by_go(node, "bad 1 1 0")
        assert asked["types"] == {"requests.Error": 1}
        assert asked["last"] == '{"Code":"failed","Reason":"ValueError: no such image"}'
    assert {message.source for message in seen} == {node.peer}
    assert len({message.id for message in seen}) == len(seen)
    asked = await asked_by_go(node, "ml 1 1 0")
    # Go says "protocols not supported", or that the stream was reset, which can overtake that.
    assert (asked["types"], sum(asked["failures"].values())) == ({}, 1)
    await quiet(bus, node)


@pytest.mark.parametrize(
    ("service", "error", "words"),
    [
        ("reset", RequestError, "ended the stream before its answer: 0 of 8 bytes"),
        ("close", RequestError, "ended the stream before its answer: 0 of 8 bytes"),
        ("cut", RequestError, "ended the stream before its answer: 10 of 1000 bytes"),
        ("huge", BadReplyError, "a frame of 9223372036854775808 bytes"),
        ("endless", RequestTimeoutError, "no answer of peer"),
    ],
)
async def test_an_answer_that_is_none_is_an_error_and_leaves_nothing(
    bus: Bus, node: GoNode, service: str, error: type[RequestError], words: str
) -> None:
    for _ in range(2):
        with pytest.raises(error, match=words):
            await ask(bus, node, service, 0.5)
        assert (await ask(bus, node)).success
    await quiet(bus, node)


async def test_what_a_go_peer_refuses_of_too_many_leaves_nothing(
    bus: Bus, node: GoNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_MOST_AT_ONCE", 100)
    asked = (ask(bus, node, "endless", 3) for _ in range(100))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    refused = [str(answer) for answer in answers if "refused the request" in str(answer)]
    assert 0 < len(refused) < 50, answers
    await quiet(bus, node)


async def test_a_cancelled_request_resets_its_stream(bus: Bus, node: GoNode) -> None:
    asking = [asyncio.ensure_future(ask(bus, node, "endless")) for _ in range(60)]
    await node.wait("unanswered", 50)
    await eventually(lambda: open_streams(bus, node) == [(52, 51)])  # the other ten wait
    for each in asking:
        each.cancel()
    await asyncio.wait(asking)
    assert all(each.cancelled() for each in asking)
    await node.wait("given-up", 50)
    await quiet(bus, node)


def connection_to(bus: Bus, node: GoNode) -> Any:
    network = bus.transport._node.host.get_network()
    [connection] = network.get_connections(ID.from_base58(node.peer))
    return connection


async def test_requests_to_a_frozen_peer_end_in_time(bus: Bus, node: GoNode) -> None:
    await quiet(bus, node)
    node.freeze()
    asked = (ask(bus, node, timeout_s=0.5) for _ in range(60))
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(answer) for answer in answers} == {RequestTimeoutError}
    node.thaw()
    assert (await ask(bus, node)).success
    await quiet(bus, node)


async def test_a_cancelled_write_cuts_no_frame_of_the_connection(bus: Bus, node: GoNode) -> None:
    streams, frozen = bus.transport._node.streams, trio.Event()
    opened = asyncio.Event()
    before = connection_to(bus, node)

    async def fill() -> None:
        """Cancel writes that fill the link to a peer which reads nothing."""
        peer, data = ID.from_base58(node.peer), LARGEST.to_bytes(8, "little") + bytes(LARGEST)
        protocol = "/dms/requests/deployment.DeploymentRequest/0.0.1"
        filling = [
            await open_stream(streams._host, streams._tasks, peer, protocol) for _ in range(50)
        ]
        bus.transport._bridge.post(opened.set)
        await frozen.wait()
        with trio.move_on_after(0.5):
            async with trio.open_nursery() as writes:
                for stream in filling:
                    writes.start_soon(stream.write, data)
        async with trio.open_nursery() as ends:
            for stream in filling:
                ends.start_soon(stream.leave)

    filled = asyncio.ensure_future(bus.transport._bridge.call(fill))
    await opened.wait()
    node.freeze()
    bus.transport._bridge.soon(frozen.set)
    await filled
    node.thaw()
    assert (await ask(bus, node)).success
    assert connection_to(bus, node) is before
    await quiet(bus, node)


async def test_a_peer_that_dies_is_an_error_at_once(bus: Bus, node: GoNode) -> None:
    with pytest.raises(ConnectionLostError, match="ended the stream before its answer"):
        await ask(bus, node, "die", 300)
    await eventually(lambda: not bus.transport.peers)
    with pytest.raises(NoResponderError, match="cannot connect"):
        await ask(bus, node, timeout_s=300)
