"""Publishing by gossip: to whom, how much, and what is said where it goes to nobody."""

from __future__ import annotations

import asyncio
import threading

import pytest

from dms_events import Bus, ConfigError, ConnectionLostError, OutgoingMessage, PublishError
from dms_events.transport import SubscriptionSpec, SupportsDeadLetters, SupportsNotes
from dms_events.types.elk_stats import NewService, ServiceCall
from dms_events_libp2p.keys.node_key import new_key
from tests.contract.places import call, collect, event_calls, nothing_comes, service, until
from tests.kit.libp2p.buses import connect, eventually, hears

TOPIC = "dms/events/elk_stats.ServiceCall"


async def test_a_publish_with_nobody_to_send_to_is_an_error() -> None:
    async with connect() as alone, connect(alone) as deaf:
        await eventually(lambda: [peer.peer_id for peer in alone.peers] == [deaf.transport.peer_id])
        with pytest.raises(PublishError, match="no connected peer subscribes") as caught:
            await alone.publish_many(event_calls(3))
    assert len(caught.value.unacknowledged) == 3
    assert caught.value.accepted == 0


async def test_a_publish_waits_for_somebody_where_it_is_asked_to() -> None:
    async with connect(wait_for_peers_s=20) as bus:
        publishing = asyncio.create_task(bus.publish(call(3)))
        async with connect(bus) as other, other.subscribe(ServiceCall) as messages:
            await publishing
            assert [m.event.call_id for m in await collect(messages, 1)] == [3.0]
    async with connect(wait_for_peers_s=0.1) as alone:
        with pytest.raises(PublishError, match=r"within 0\.1 s"):
            await alone.publish(call())


async def test_own_messages_come_back_only_where_they_are_asked_for() -> None:
    async with (
        connect() as reader,
        connect(reader, own_messages=True) as loud,
        connect(reader) as quiet,
        reader.subscribe(ServiceCall) as messages,
        loud.subscribe(ServiceCall) as mine,
        quiet.subscribe(ServiceCall) as others,
    ):
        for publisher in (loud, quiet):
            await hears(publisher, reader)
        await hears(reader, quiet)
        await quiet.publish(call(1))
        await loud.publish(call(2))
        assert len(await collect(messages, 2)) == 2
        assert {m.event.call_id for m in await collect(mine, 2)} == {1.0, 2.0}
        assert [m.event.call_id for m in await collect(others, 1)] == [2.0]
        assert await nothing_comes(others, 0.2)


async def test_own_messages_go_to_subscribers_that_are_in_no_mesh() -> None:
    async with (
        connect() as reader,
        connect(reader) as bus,
        reader.subscribe(ServiceCall) as found,
        bus.subscribe(ServiceCall),
    ):
        await hears(bus, reader)
        node = bus.transport._node

        async def publish_without_a_mesh() -> None:
            node.router.mesh[TOPIC] = set()
            await node.pubsub.publish(TOPIC, bus.prepare(call(5)).data)

        await bus.transport._bridge.call(publish_without_a_mesh)
        assert [m.event.call_id for m in await collect(found, 1)] == [5.0]


async def test_no_limit_of_messages_a_second_loses_any() -> None:
    async with connect() as reader, connect(reader) as bus, reader.subscribe(ServiceCall) as found:
        await hears(bus, reader)
        await asyncio.gather(*(bus.publish(event) for event in event_calls(300)))
        arrived = await collect(found, 300)
        assert bus.transport.figures.dropped_outbound == 0
    assert {m.event.call_id for m in arrived} == {float(n) for n in range(300)}


async def test_messages_wait_for_a_peer_beyond_the_32_of_stock() -> None:
    async with connect() as reader, connect(reader) as bus, reader.subscribe(ServiceCall) as found:
        await hears(bus, reader)
        pubsub = bus.transport._node.pubsub

        async def publish_at_once() -> None:
            for event in event_calls(200):
                await pubsub.publish(TOPIC, bus.prepare(event).data)

        await bus.transport._bridge.call(publish_at_once)
        assert len(await collect(found, 200)) == 200


async def test_a_reader_answers_half_a_window_and_not_each_read() -> None:
    async with connect() as reader, connect(reader) as bus, reader.subscribe("*") as messages:
        await hears(bus, reader)
        large = [service("x" * 200_000) for _ in range(10)]
        await hears(bus, reader, "elk_stats.NewService")
        await bus.publish_many([*event_calls(300), *large])
        await collect(messages, 310, within_s=60)
        [connection] = reader.transport._node.host.get_network().get_connections()
        streams = list(connection.muxed_conn.streams.values())
    counters = ("bytes_read_only", "full_grow", "pending_flush", "partial_slack")
    updates = [sum(getattr(s, f"_window_update_{name}") for name in counters) for s in streams]
    assert 0 < max(updates) < 50, "2 MB and 300 small ones; a window is 256 KB at least"


async def test_an_event_over_the_limit_is_refused_and_the_next_arrives() -> None:
    limit = 65_536
    async with (
        connect(gossip_max_message_size=limit) as reader,
        connect(reader, gossip_max_message_size=limit) as bus,
        reader.subscribe(ServiceCall) as messages,
    ):
        await hears(bus, reader)
        with pytest.raises(PublishError, match="over the limit") as caught:
            await bus.publish_many([call(1), call(2, status="x" * limit), call(3)])
        assert (caught.value.accepted, len(caught.value.unacknowledged)) == (1, 2)
        template = bus.prepare(call(4))
        room = bus.transport.max_payload
        largest = OutgoingMessage(
            "events", template.type_name, "", template.id, template.data.ljust(room)
        )
        await bus.publish(largest)
        assert [m.event.call_id for m in await collect(messages, 2)] == [1.0, 4.0]


async def test_what_gossip_cannot_promise_is_refused() -> None:
    async with connect() as bus:
        for wanted in (
            bus.subscribe(ServiceCall, durable="billing"),
            bus.subscribe(ServiceCall, start="all"),
        ):
            with pytest.raises(ConfigError, match="stores nothing"):
                await wanted.__aenter__()
        transport = bus.transport
        letter = OutgoingMessage("dead", "elk_stats.ServiceCall", "", "x", b"{}")
        for refused in (
            transport.publish(letter),
            transport.subscribe(SubscriptionSpec(channel="dead", patterns=("*",))),
        ):
            with pytest.raises(ConfigError, match="stores nothing"):
                await refused
        assert transport.capability(SupportsNotes) is None
        assert transport.capability(SupportsDeadLetters) is None


async def test_a_restarted_node_is_heard_under_its_key(tmp_path: object) -> None:
    key = f"{tmp_path}/node.key"
    async with connect() as reader, reader.subscribe(ServiceCall) as messages:
        for life in range(3):
            async with connect(reader, key_file=key) as bus, bus.subscribe(NewService) as back:
                await hears(bus, reader)
                await hears(reader, bus, "elk_stats.NewService")
                await bus.publish_many(event_calls(5, first=5 * life))
                arrived = await collect(messages, 5)
                assert {m.event.call_id for m in arrived} == {5.0 * life + n for n in range(5)}
                await reader.publish(service(f"{life}"))
                assert [m.event.service_name for m in await collect(back, 1)] == [f"{life}"]


async def test_a_node_that_begins_before_its_last_life_ends_is_heard_and_hears(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dms_events_libp2p.node.node._ANNOUNCE_S", 3_600)
    key = new_key()
    async with connect() as reader, reader.subscribe(ServiceCall) as messages:
        last = connect(reader, private_key=key)
        await last.open()
        await hears(last, reader)
        async with connect(reader, private_key=key) as bus, bus.subscribe(NewService) as back:
            await eventually(lambda: bus.transport.peers)
            await last.close()
            await hears(bus, reader)
            await hears(reader, bus, "elk_stats.NewService")
            await bus.publish(call(3))
            assert [m.event.call_id for m in await collect(messages, 1)] == [3.0]

            async def heard() -> bool:
                await reader.publish(service())
                return bool(await back.batch(1, 0.2))

            await until(heard)


async def test_a_newcomer_gets_nothing_from_before() -> None:
    async with connect() as reader, connect(reader) as bus, reader.subscribe(ServiceCall) as found:
        await hears(bus, reader)
        await bus.publish(call(1))
        await collect(found, 1)
        async with connect(bus) as late, late.subscribe(ServiceCall) as messages:
            await hears(bus, late)
            await bus.publish(call(2))
            assert [m.event.call_id for m in await collect(messages, 1)] == [2.0]


async def test_topics_that_a_peer_forgot_are_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dms_events_libp2p.node.node._ANNOUNCE_S", 0.2)
    async with connect() as reader, connect(reader) as bus, reader.subscribe(ServiceCall) as found:
        await hears(bus, reader)
        pubsub = bus.transport._node.pubsub

        async def forget() -> None:
            pubsub._forget_all_subscriptions(*pubsub.peers)

        await bus.transport._bridge.call(forget)
        await hears(bus, reader)
        await bus.publish(call(4))
        assert [m.event.call_id for m in await collect(found, 1)] == [4.0]


async def test_a_peer_that_comes_back_is_dialled_again(caplog: pytest.LogCaptureFixture) -> None:
    key = new_key()
    first = connect(private_key=key)
    await first.open()
    port = first.transport.addresses[0].split("/")[4]
    async with connect(first) as bus, bus.subscribe(ServiceCall) as messages:
        await eventually(lambda: bus.transport.peers)
        await first.close()
        await eventually(lambda: "cannot be reached yet" in caplog.text)
        async with connect(url=f"libp2p://127.0.0.1:{port}", private_key=key) as again:
            await hears(again, bus)
            await again.publish(call(9))
            assert [m.event.call_id for m in await collect(messages, 1)] == [9.0]


async def test_a_reader_that_is_too_slow_loses_counted_messages() -> None:
    async with (
        connect(buffer_messages=10) as reader,
        connect(reader) as bus,
        reader.subscribe(ServiceCall) as found,
    ):
        await hears(bus, reader)
        await bus.publish_many(event_calls(600))
        await eventually(lambda: found.dropped > 0)
        taken: list[object] = []

        async def all_are_counted() -> bool:
            taken.extend(await found.batch(1_000, 0.1))
            return len(taken) + found.dropped == 600

        await until(all_are_counted)
    assert len(taken) < 600


async def test_closing_leaves_no_thread_and_ends_what_waits() -> None:
    before = threading.active_count()
    bus: Bus = connect()
    await bus.open()
    messages = bus.subscribe(ServiceCall)
    await messages.__aenter__()
    waiting = asyncio.create_task(anext(messages))
    await asyncio.sleep(0)
    await bus.close()
    with pytest.raises(ConnectionLostError):
        await waiting
    await eventually(lambda: threading.active_count() <= before)
    assert bus.transport.addresses == []
    with pytest.raises(ConnectionLostError):
        await bus.publish(call())
