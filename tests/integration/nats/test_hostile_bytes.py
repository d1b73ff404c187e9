"""Messages whose subject or headers are no text: readers and publishers go on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

import dms_events
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer, NatsTransport
from dms_events_nats.connection import LinkClient
from tests.kit.programs.processes import until
from tests.kit.servers.raw import raw_client
from tests.kit.storing import call

SUBJECT = b"dms.events.elk_stats.ServiceCall."
HOSTILE = [
    (b"\xff\xfe", None),
    (b"a\x0bb", None),
    (b"a\x0c1", None),
    (b"\x00", None),
    (b"n", b"NATS/1.0"),
    (b"n", b"\r\n"),
    (b"n", b"GET / HTTP/1.1\r\n\r\n"),
    (b"n", b"NATS/1.0 \xff\xff\xff\r\n\r\n"),
    (b"n", b"NATS/1.0 200 \xc3\x28\r\nName: v\r\n\r\n"),
    (b"n", b"NATS/1.0\r\n\xff: \xff\r\nno colon\r\n: \r\n\r\n"),
]


async def test_a_durable_makes_dead_letters_of_hostile_messages_and_reads_on(
    nats_server: NatsServer,
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        raw_client(nats_server.url) as stranger,
        asyncio.timeout(20),
    ):
        async with bus.subscribe(ServiceCall, durable="billing") as messages:
            for token, headers in HOSTILE:
                await stranger.publish(SUBJECT + token, b"noise", headers)
            await bus.publish(call(1))
            message = await anext(messages)
            assert message.event == call(1)
            await message.ack()
            assert messages.undecodable == len(HOSTILE)
        letters = [letter async for letter in bus.dead_letters.find()]
        assert [letter.payload for letter in letters] == [b"noise"] * len(HOSTILE)
        assert letters[0].subject == r"dms.events.elk_stats.ServiceCall.\xff\xfe"


async def test_an_event_under_a_hostile_subject_or_header_is_an_event(
    nats_server: NatsServer,
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        raw_client(nats_server.url) as stranger,
        asyncio.timeout(20),
        bus.subscribe(ServiceCall, durable="billing") as messages,
    ):
        data = bus.prepare(call(1)).data
        for token, headers in HOSTILE:
            await stranger.publish(SUBJECT + token, data, headers)
            message = await anext(messages)
            assert message.event == call(1)
            await message.ack()
        while await messages.backlog():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_reader_of_core_nats_counts_hostile_messages_and_reads_on(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        dms_events.connect(nats_server.url, durable=False) as bus,
        raw_client(nats_server.url) as stranger,
        asyncio.timeout(20),
        bus.subscribe(ServiceCall) as messages,
    ):
        for token, headers in HOSTILE:
            await stranger.publish(SUBJECT + token, b"noise", headers)
        await bus.publish(call(1))
        assert (await anext(messages)).event == call(1)
        assert messages.undecodable == len(HOSTILE)
    assert "not UTF-8" in caplog.text


async def test_hostile_messages_to_an_inbox_stop_no_publisher(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The inbox is found as anybody finds it who may listen: a publisher's replies show it."""
    transport = NatsTransport(nats_server.url)
    await transport.open()
    try:
        async with raw_client(nats_server.url) as stranger, asyncio.timeout(20):
            with caplog.at_level(logging.ERROR):
                for inbox in list(transport.client._subs.values()):
                    subject = inbox.subject.rstrip("*>").encode()
                    for token, headers in HOSTILE:
                        await stranger.publish(subject + token, b"", headers)
            bus = dms_events.connect(nats_server.url)
            message = bus.prepare(call(1))
            assert await transport.publish_many([message] * 3) == 3
            assert transport.client.malformed > 0
            assert "connect" not in caplog.text
    finally:
        await transport.close()


def end_reading(client: LinkClient) -> None:
    assert client._reading_task
    client._reading_task.cancel()


def end_writing(client: LinkClient) -> None:
    assert client._flusher_task
    client._flusher_task.cancel()


def garble(client: LinkClient) -> None:
    client._parser._held.extend(b"no protocol at all\r\n")
    client._tcp.write(b"PING\r\n")


@pytest.mark.parametrize("durable", [True, False])
@pytest.mark.parametrize(
    ("harm", "named"),
    [(end_reading, "task that reads"), (end_writing, "writes"), (garble, "no protocol at all")],
)
async def test_a_client_whose_reading_or_writing_ends_connects_again_and_names_the_cause(
    nats_server: NatsServer,
    harm: Callable[[LinkClient], None],
    named: str,
    durable: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    transport = NatsTransport(nats_server.url, durable=durable)
    await transport.open()
    client = transport.client
    try:
        await client.flush()
        harm(client)
        await until(lambda: client.stats["reconnects"] == 1, "a new connection", 5)
        await client.flush()
        assert named in caplog.text
    finally:
        await transport.close()


async def test_an_answer_that_comes_after_its_flush_gave_up_does_not_end_the_reading(
    nats_server: NatsServer,
) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        client = bus._transport.client  # type: ignore[attr-defined]
        late: asyncio.Future[bool] = asyncio.Future()
        late.cancel()
        client._pongs.append(late)
        client._tcp.write(b"PING\r\n")
        await client.flush()
        assert client.stats["reconnects"] == 0
        assert await bus.publish(call(1))
