"""What no line of the protocol can hold is an error at its caller; the connection never ends by it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

import dms_events
from dms_events import Bus, ConfigError, OutgoingMessage, PublishError, TransportError
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer, NatsTransport
from tests.kit.servers.operator import Operator
from tests.kit.storing import call, prepared

MESSAGE = OutgoingMessage("events", "elk_stats.ServiceCall", "node", "an-id", b"{}")
INJECTED = "x 0\r\n\r\nPUB dms.events.elk_stats.ServiceCall.victim 2\r\n{}\r\nPUB y"
SOURCES = ["x" * 4_000, "\U0001f600" * 1_000, INJECTED, "a b", "a\tb", "a.b", "\ud800"]
NAMES = ["elk_stats." + "x" * 4_000, "elk_stats.\U0001f600" * 1_000, INJECTED, "", "one", "a..b"]
IDS = [INJECTED, "\r\n", " id", "id\t", "\ud800"]


def connections(bus: Bus) -> int:
    """How often it was connected."""
    transport = bus._transport
    assert isinstance(transport, NatsTransport)
    return 1 + transport.client.stats["reconnects"]


@pytest.fixture(params=[True, False], ids=["jetstream", "core"])
async def bus(nats_server: NatsServer, request: pytest.FixtureRequest) -> AsyncIterator[Bus]:
    """At the end it is still on its first connection, and publishes."""
    async with dms_events.connect(nats_server.url, durable=request.param) as bus:
        yield bus
        assert await bus.publish(call(1))
        assert connections(bus) == 1


async def refused(publish: Callable[[], Awaitable[object]]) -> PublishError:
    with pytest.raises(PublishError, match="was not sent") as caught:
        await publish()
    assert len(str(caught.value)) < 1_000
    return caught.value


@pytest.mark.parametrize("source", SOURCES)
async def test_a_source_that_no_subject_can_hold_is_an_error_before_anything_is_sent(
    bus: Bus, source: str
) -> None:
    message = msgspec.structs.replace(MESSAGE, source=source)
    error = await refused(lambda: bus.publish(message))
    assert list(error.unacknowledged) == [message]


@pytest.mark.parametrize("type_name", NAMES)
async def test_a_type_name_that_no_subject_can_hold_is_an_error_before_anything_is_sent(
    bus: Bus, type_name: str
) -> None:
    await refused(lambda: bus.publish(msgspec.structs.replace(MESSAGE, type_name=type_name)))


@pytest.mark.parametrize("count", [3, 2_000], ids=["window", "fast ingest"])
@pytest.mark.parametrize("bad", [{"source": "x" * 4_000}, {"id": INJECTED}], ids=["source", "id"])
async def test_one_of_many_that_cannot_be_sent_leaves_the_others_in_order(
    nats_server: NatsServer, operator: Operator, count: int, bad: dict[str, str]
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        events = prepared(bus, count)
        events[-2] = msgspec.structs.replace(MESSAGE, **bad)
        error = await refused(lambda: bus.publish_many(events))
        assert error.accepted == count - 2
        assert list(error.unacknowledged) == events[-2:]
        assert connections(bus) == 1
    stored = await operator.subjects()
    assert sum(stored.values()) == count - 2
    assert not [subject for subject in stored if "victim" in subject]


@pytest.mark.parametrize("id", IDS)
async def test_an_id_that_a_header_would_alter_is_an_error(
    nats_server: NatsServer, id: str
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await refused(lambda: bus.publish(msgspec.structs.replace(MESSAGE, id=id)))
        assert connections(bus) == 1


@pytest.mark.parametrize("id", ["an id", "\u200bé\U0001f600", "x" * 5_000])
async def test_any_other_id_arrives_as_it_is(nats_server: NatsServer, id: str) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        bus.subscribe("*", durable="reader") as messages,
    ):
        await bus.publish(bus.prepare(call(1), id=id))
        message = await anext(messages)
        assert (message.id, message.delivery.message_id) == (id, id)
        await bus.publish(bus.prepare(call(1), id=id))
        assert bus.publish_counts.duplicates == 1


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600"])
async def test_an_id_counts_in_bytes_against_max_payload(
    nats_server: NatsServer, letter: str
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        room = bus._transport.max_payload - 28 - 1_000 * len(letter.encode())
        message = msgspec.structs.replace(MESSAGE, id=letter * 1_000, data=b"x" * room)
        await bus.publish(message)
        larger = msgspec.structs.replace(message, id="x" + message.id)
        error = await refused(lambda: bus.publish(larger))
        assert "more than the server's max_payload" in str(error)


async def test_a_durable_of_the_longest_name_reads_and_a_longer_one_is_refused(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish(call(1))
        async with bus.subscribe(ServiceCall, durable="x" * 200) as messages:
            await (await anext(messages)).ack()
        with pytest.raises(ConfigError, match="more than the limit of 255"):
            bus.subscribe(ServiceCall, durable="\U0001f600" * 64)
        assert connections(bus) == 1


async def test_notes_of_a_key_that_no_line_can_hold_are_an_error(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        notes = await bus.transport.notes("\U0001f600" * 63)
        await notes.put("key", b"value")
        assert await notes.get("key") == b"value"
        for key in ("x" * 4_000, INJECTED, "key\n"):
            with pytest.raises(TransportError):
                await notes.put(key, b"value")
            with pytest.raises(TransportError):
                await notes.delete(key)
        assert connections(bus) == 1


@pytest.mark.parametrize("durable", ["x" * 5_000, INJECTED, "a b"])
async def test_nobody_reads_under_a_name_that_no_durable_can_have(
    nats_server: NatsServer, durable: str
) -> None:
    """Whoever may write to the dead stream can put such a name into a letter."""
    async with dms_events.connect(nats_server.url) as bus:
        assert await bus.transport.readers(MESSAGE, durable) == ()
        assert connections(bus) == 1
