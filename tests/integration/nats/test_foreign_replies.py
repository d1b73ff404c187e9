"""Messages to an inbox of this library that JetStream did not send settle nothing and stop nothing."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from nats.aio.msg import Msg

import dms_events
from dms_events import PublishError
from dms_events.types.elk_stats import ServiceCall
from dms_events_nats import NatsServer, NatsSetup, apply_setup
from tests.kit.programs.processes import until
from tests.kit.servers.operator import Operator, at
from tests.kit.storing import call, prepared

OTHER = b'{"stream":"OTHER", "seq":7}'
NO_ACKS = [
    b'{"ok":true}',
    b"+ACK",
    b"",
    b"{}",
    b'{"stream":"","seq":1}',
    b'{"stream":"DMS_EVENTS"}',
    b'{"stream":"DMS_EVENTS","seq":"1"}',
    b'{"error":{"code":500}}',
    b"\xff\xfe",
    b"[" * 100_000,
]


@asynccontextmanager
async def replying(url: str, subject: str, *answers: bytes) -> AsyncIterator[list[str]]:
    """Somebody replies to each message on a subject with all the answers; yields the reply subjects."""
    heard: list[str] = []

    async def reply(message: Msg) -> None:
        if message.reply:
            heard.append(message.reply)
            for answer in answers:
                await other.client.publish(message.reply, answer)

    async with at(url) as other:
        await other.client.subscribe(subject, cb=reply)
        await other.client.flush()
        yield heard


async def stored(operator: Operator) -> int:
    return sum((await operator.subjects()).values())


@pytest.mark.parametrize("answer", [*NO_ACKS, OTHER])
async def test_a_reply_that_is_no_acknowledgement_settles_nothing(
    nats_server: NatsServer, operator: Operator, answer: bytes
) -> None:
    async with (
        dms_events.connect(nats_server.url, publish_timeout_s=0.5) as bus,
        replying(nats_server.url, "dms.events.>", answer),
    ):
        await operator.api("STREAM.DELETE.DMS_EVENTS")
        published = prepared(bus, 3)
        async with asyncio.timeout(30):
            while bus.publish_counts.ignored_replies < 3:  # a reply may come after the timeout
                many, one = await asyncio.gather(
                    bus.publish_many(published[:2]),
                    bus.publish(published[2]),
                    return_exceptions=True,
                )
                assert isinstance(many, PublishError)
                assert isinstance(one, PublishError)
                assert list(many.unacknowledged) == published[:2]
                assert list(one.unacknowledged) == published[2:]
                assert many.accepted == one.accepted == 0


async def test_a_reply_that_is_no_acknowledgement_does_not_use_up_the_true_one(
    nats_server: NatsServer, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        dms_events.connect(nats_server.url, make_streams=False) as bus,
        replying(nats_server.url, "dms.events.>", *NO_ACKS),
        asyncio.timeout(30),
    ):
        publishing = asyncio.create_task(bus.publish(call(1)))
        await until(lambda: bus.publish_counts.ignored_replies >= len(NO_ACKS), "all are ignored")
        await apply_setup(nats_server.url, NatsSetup())
        await publishing
        assert await bus.publish_many(prepared(bus, 20)) == 20
    assert await stored(operator) == 21
    assert "no acknowledgements of a stream that stores its events" in caplog.text


async def test_a_refusal_of_another_stream_refuses_nothing(
    nats_server: NatsServer, operator: Operator
) -> None:
    refusal = {"error": {"code": 503, "err_code": 10077, "description": "full"}}
    answer = json.dumps({**refusal, "stream": "OTHER", "seq": 0}).encode()

    async def make(message: Msg) -> None:
        await message.respond(answer)
        await apply_setup(nats_server.url, NatsSetup())

    async with dms_events.connect(nats_server.url) as bus, asyncio.timeout(15):
        await operator.api("STREAM.DELETE.DMS_EVENTS")
        await operator.client.subscribe("dms.events.>", cb=make)
        await operator.client.flush()
        assert await bus.publish_many(prepared(bus, 2)) == 2
    assert await stored(operator) == 2


async def test_a_stream_that_is_made_later_counts(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with dms_events.connect(nats_server.url) as bus, asyncio.timeout(15):
        await bus.publish(call(1))
        await operator.api("STREAM.DELETE.DMS_EVENTS")
        config = {"name": "ANOTHER", "subjects": ["dms.events.>"], "storage": "memory"}
        await operator.api("STREAM.CREATE.ANOTHER", config)
        await bus.publish(call(2))
        assert sum((await operator.subjects("ANOTHER")).values()) == 1


async def test_fast_ingest_goes_on_while_somebody_replies_to_each_message(
    nats_server: NatsServer, operator: Operator
) -> None:
    answers = [answer for answer in NO_ACKS if len(answer) < 100]
    async with (
        dms_events.connect(nats_server.url) as bus,
        replying(nats_server.url, "dms.events.>", *answers) as heard,
        asyncio.timeout(30),
    ):
        assert await bus.publish_many(prepared(bus, 3_000)) == 3_000
        await until(lambda: len(heard) >= 3_000, "all are heard")
        assert sum(reply.endswith(".$FI") for reply in heard) >= 2_500, "the batch went on"
    assert await stored(operator) == 3_000


@pytest.mark.parametrize("answer", [b"{}", b"+ACK"])
async def test_a_reply_to_a_request_is_not_taken_for_the_servers_answer(
    nats_server: NatsServer, answer: bytes
) -> None:
    async with (
        replying(nats_server.url, "$JS.API.>", answer),
        dms_events.connect(nats_server.url) as bus,
        asyncio.timeout(15),
    ):
        await bus.publish(call(1))
        async with bus.subscribe(ServiceCall, durable="billing") as messages:
            async for message in messages:
                await message.ack()
                break
            notes = await bus.transport.notes("billing")
            await notes.put("key", b"value")
            assert await notes.get("key") == b"value"


ODD: list[Callable[[str], tuple[bytes, str, dict[str, str] | None]]] = [
    lambda inbox: (b"", "", None),
    lambda inbox: (b"what", "", None),
    lambda inbox: (b"what", "some.reply", None),
    lambda inbox: (b"what", inbox, None),
    lambda inbox: (b"", "", {"Status": "x"}),
    lambda inbox: (b"", "", {"Status": "408", "Nats-Pending-Messages": "many"}),
]


@pytest.mark.parametrize("odd", range(len(ODD)))
async def test_a_message_to_a_readers_inbox_that_is_no_delivery_is_ignored(
    nats_server: NatsServer, operator: Operator, odd: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    asked: list[str] = []

    async def note(message: Msg) -> None:
        asked.append(message.reply)

    await operator.client.subscribe("$JS.API.CONSUMER.MSG.NEXT.>", cb=note)
    await operator.client.flush()
    async with dms_events.connect(nats_server.url) as bus:
        handled: list[float] = []
        worker = dms_events.Worker("billing")

        @worker.on(ServiceCall)
        async def handle(event: ServiceCall) -> None:
            handled.append(event.call_id)

        running = asyncio.create_task(worker.run(bus))
        await until(lambda: bool(asked), "the worker asks for messages")
        inbox = asked[-1]
        data, reply, headers = ODD[odd](inbox)
        for _ in range(600):  # more than its prefetch
            await operator.client.publish(inbox, data, reply, headers)
        await operator.client.flush()
        await bus.publish_many(prepared(bus, 700))
        await until(lambda: running.done() or len(handled) >= 700, "all are handled")
        assert sorted(handled) == [float(number) for number in range(700)]
        worker.drain()
        await running
    assert "messages to the inbox of this reader were ignored" in caplog.text
    assert [x async for x in letters(nats_server)] == []


async def letters(server: NatsServer) -> AsyncIterator[int]:
    async with dms_events.connect(server.url) as bus:
        async for letter in bus.dead_letters.find():
            yield letter.number
