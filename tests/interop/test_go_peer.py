"""A Go node (`nats.go`, `encoding/json`) and this library on one stream."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import nats
import pytest

import dms_events
from dms_events import codec, registry
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer
from tests.interop.samples import AWKWARD, PEER, as_float32
from tests.kit.go.peer import SOURCE, GoEvent, GoPeer, GoPeerError, build
from tests.kit.go.toolchain import program
from tests.kit.storing import until_settled

NINE = "elk_stats.*"
PATIENCE_S = 60


@pytest.fixture(scope="module")
def go_binary() -> Path:
    return build()


@pytest.fixture
def go(go_binary: Path, nats_server: NatsServer) -> GoPeer:
    return GoPeer(go_binary, nats_server.url)


async def read(
    bus: dms_events.Bus, wanted: str, count: int, durable: str
) -> list[dms_events.Message[Any]]:
    messages = []
    async with asyncio.timeout(PATIENCE_S), bus.subscribe(wanted, durable=durable) as arriving:
        async for message in arriving:
            messages.append(message)
            await message.ack()
            if len(messages) == count:
                break
        assert arriving.undecodable == 0
    return messages


def in_python(event: GoEvent) -> object:
    return codec.decode(event.json.encode(), registry.get(event.type))


async def test_what_go_publishes_arrives_typed_with_equal_values(go: GoPeer) -> None:
    async with dms_events.connect(go.url) as bus:
        published = await go.publish(900, seed=1)
        looks = codec.slow_path_count()
        messages = await read(bus, NINE, 900, "all-types")
    assert [message.event for message in messages] == [in_python(event) for event in published]
    assert [message.type_name for message in messages] == [event.type for event in published]
    assert {type(message.event).__name__ for message in messages} == {
        type(event).__name__ for event in AWKWARD
    }
    assert codec.slow_path_count() == looks, "what Go writes is canonical and takes the fast path"


async def test_the_sender_of_gos_events_is_the_source_token_of_their_subject(go: GoPeer) -> None:
    async with dms_events.connect(go.url) as bus:
        published = await go.publish(90, seed=2)
        messages = await read(bus, NINE, 90, "who")
    tokens = [event.subject.rpartition(".")[2] for event in published]
    assert [message.source for message in messages] == [
        "" if token == "_" else token for token in tokens
    ]


async def test_gos_events_have_no_id_and_yet_one_identity_each(go: GoPeer) -> None:
    async with dms_events.connect(go.url) as bus:
        await go.publish(300, seed=3)
        first = await read(bus, NINE, 300, "first")
        second = await read(bus, NINE, 300, "second")
    assert not any(message.envelope.id or message.delivery.message_id for message in first)
    assert [message.id for message in first] == [message.id for message in second]
    assert len({message.id for message in first}) == 300


async def test_equal_events_of_go_are_different_events(go: GoPeer) -> None:
    async with dms_events.connect(go.url) as bus:
        once = await go.publish(20, seed=4)
        again = await go.publish(20, seed=4)
        messages = await read(bus, NINE, 40, "twice")
    assert once == again
    assert [m.event for m in messages[:20]] == [m.event for m in messages[20:]]
    assert len({message.id for message in messages}) == 40


async def test_a_subscription_to_one_type_gets_that_type_of_gos_only(go: GoPeer) -> None:
    async with dms_events.connect(go.url) as bus:
        published = await go.publish(90, seed=5)
        calls = [event for event in published if event.type == "elk_stats.ServiceCall"]
        messages = await read(bus, "elk_stats.ServiceCall", len(calls), "calls")
        async with bus.subscribe(ServiceCall, durable="calls") as arriving:
            await until_settled(arriving)
    assert [message.event for message in messages] == [in_python(event) for event in calls]


async def test_a_bare_go_type_name_is_understood(go: GoPeer) -> None:
    async with dms_events.connect(go.url) as bus:
        published = await go.publish(18, seed=6, bare=True)
        messages = await read(bus, NINE, 18, "bare")
    assert all("." not in message.envelope.type for message in messages)
    assert [message.type_name for message in messages] == [event.type for event in published]
    assert [message.event for message in messages] == [in_python(event) for event in published]


async def test_go_reads_all_nine_types_of_pythons_with_equal_values(go: GoPeer) -> None:
    async with dms_events.connect(go.url, source=PEER) as bus:
        for event in AWKWARD:
            await bus.publish(event)
        assert await bus.publish_many(AWKWARD) == 9
    received = await go.subscribe(18, durable="go")
    assert [event.type for event in received] == [registry.name_of(type(e)) for e in AWKWARD] * 2
    assert [as_float32(in_python(event)) for event in received] == [
        as_float32(event) for event in AWKWARD
    ] * 2


async def test_pythons_events_lie_where_a_go_node_looks_for_them(go: GoPeer) -> None:
    async with dms_events.connect(go.url, source=PEER) as bus:
        await bus.publish_many(AWKWARD)
    async with dms_events.connect(go.url) as bus:
        await bus.publish_many(AWKWARD)
    received = await go.subscribe(18, durable="go")
    names = [registry.name_of(type(event)) for event in AWKWARD]
    assert [event.subject for event in received] == [
        f"dms.events.{name}.{token}" for token in (PEER, "_") for name in names
    ]


async def test_events_that_travel_from_go_to_python_to_go_come_back_unchanged(go: GoPeer) -> None:
    async with dms_events.connect(go.url, source=PEER) as bus:
        published = await go.publish(900, seed=7)
        messages = await read(bus, NINE, 900, "relay")
        await bus.publish_many([message.event for message in messages])
    received = await go.subscribe(1800, durable="go")
    assert [event.json for event in received[:900]] == [event.json for event in published]
    assert [event.type for event in received[900:]] == [event.type for event in published]
    assert [as_float32(in_python(event)) for event in received[900:]] == [
        as_float32(in_python(event)) for event in published
    ]


async def test_gos_events_keep_identity_and_values_through_a_dead_letter(go: GoPeer) -> None:
    async with dms_events.connect(go.url) as bus:
        published = await go.publish(90, seed=8)
        before = await read(bus, NINE, 90, "other")
        async with bus.subscribe(NINE, durable="billing") as messages:
            for _ in range(90):
                message = await anext(messages)
                error = ValueError("the handler is broken")
                await bus.dead_letters.add(
                    message.delivery, id=message.id, error=error, reader="billing"
                )
        async for letter in bus.dead_letters.find(reader="billing"):
            await bus.dead_letters.replay(letter, to_all=True)
        for durable in ("other", "billing"):
            after = await read(bus, NINE, 90, durable)
            assert [message.id for message in after] == [message.id for message in before]
            assert [message.source for message in after] == [message.source for message in before]
    received = await go.subscribe(180, durable="go")
    assert received == published * 2


async def test_a_go_node_says_so_when_it_cannot_read_an_event(go: GoPeer) -> None:
    async with dms_events.connect(go.url):
        broker = await nats.connect(go.url)
        subject = "dms.events.elk_stats.ServiceRemove._"
        data = b'{"Type":"elk_stats.ServiceRemove","Data":"eyJTZXJ2aWNlSUQiOjF9"}'
        await broker.jetstream().publish(subject, data)
        await broker.close()
    with pytest.raises(
        GoPeerError, match=r"cannot unmarshal number into .*ServiceID of type string"
    ):
        await go.subscribe(1, durable="go")


async def test_a_go_node_cannot_read_messagepack_envelopes(go: GoPeer) -> None:
    async with dms_events.connect(go.url, encoding="msgpack") as bus:
        await bus.publish(AWKWARD[0])
    with pytest.raises(GoPeerError, match="envelope: invalid character"):
        await go.subscribe(1, durable="go")


def test_the_go_sources_are_formatted_and_vetted() -> None:
    go = program("go", "install Go 1.26 or newer")
    for command in (["vet", "./..."], ["mod", "verify"]):
        done = subprocess.run(
            [go, *command], cwd=SOURCE, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    gofmt = program("gofmt", "it comes with Go")
    done = subprocess.run(
        [gofmt, "-l", "."], cwd=SOURCE, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
