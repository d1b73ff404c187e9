"""Requests on a real server: who may ask and answer, and what settles a request."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from nats.aio.client import Client
from nats.aio.msg import Msg

import dms_events
from dms_events import (
    BadReplyError,
    Bus,
    ConnectionLostError,
    Envelope,
    NoResponderError,
    OutgoingMessage,
    RequestError,
    RequestTimeoutError,
    TransportError,
)
from dms_events.envelope import decode_envelope, encode_envelope
from dms_events.testing.transport_contract.answers import deploy
from dms_events.transport import RequestDelivery
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse
from dms_events_nats import NatsServer, requests
from tests.kit.paths import HOME
from tests.kit.programs.processes import until
from tests.kit.servers.operator import at

TYPE = "deployment.DeploymentRequest"
SUBJECT = f"dms.requests.{TYPE}._"
ANSWER = Envelope(type="deployment.DeploymentResponse", data=b'{"success":true}')


async def ask(bus: Bus, service: str = "", timeout_s: float = 5) -> DeploymentResponse:
    request = DeploymentRequest(service_type=service)
    return await bus.request(request, DeploymentResponse, timeout_s=timeout_s)


async def subscribe(client: Client, subject: str, take: Callable[[Msg], Awaitable[None]]) -> None:
    await client.subscribe(subject, cb=take)
    await client.flush()
    await client.flush()  # the first PING overtakes the subscription


async def test_a_stream_over_the_requests_answers_none(nats_server: NatsServer) -> None:
    async with dms_events.connect(nats_server.url) as bus, at(nats_server.url) as operator:
        await operator.api("STREAM.CREATE.WATCH", {"name": "WATCH", "subjects": ["dms.requests.>"]})
        with pytest.raises(BadReplyError, match=r'no envelopes: .*"stream":"WATCH"'):
            await ask(bus, timeout_s=0.5)
        async with bus.respond(DeploymentRequest, deploy):
            assert (await ask(bus, "ml")).content == "ml"
        assert (await operator.api("STREAM.INFO.WATCH"))["state"]["messages"] == 2


@pytest.mark.parametrize("junk", [b"", b"+OK", b"{}", b'{"Type":""}', b"\xff" * 9, b"[" * 100_000])
async def test_a_foreign_reply_settles_nothing_and_eats_no_answer(
    nats_server: NatsServer, junk: bytes
) -> None:
    async with (
        dms_events.connect(nats_server.url, durable=False) as bus,
        at(nats_server.url) as other,
    ):

        async def reply(message: Msg) -> None:
            for _ in range(3):
                await message.respond(junk)
            await asyncio.sleep(0.05)
            await message.respond(encode_envelope(ANSWER))
            await message.respond(encode_envelope(ANSWER))

        await subscribe(other.client, "dms.requests.>", reply)
        assert (await ask(bus)).success
        assert (await ask(bus)).success, "a late answer of another request is none of this one"


async def test_other_programs_ask_and_answer(nats_server: NatsServer) -> None:
    async with dms_events.connect(nats_server.url) as bus, at(nats_server.url) as other:
        async with bus.respond(DeploymentRequest, deploy):
            asked = b'{"Type":"DeploymentRequest","Data":"eyJzZXJ2aWNlX3R5cGUiOiJtbCJ9"}'
            reply = await other.client.request(SUBJECT, asked)
            envelope = decode_envelope(reply.data)
            assert (envelope.type, json.loads(envelope.data)["content"]) == (ANSWER.type, "ml")
            error = json.loads((await other.client.request(SUBJECT, b"junk")).data)
            assert error["Type"] == "requests.Error"

        async def answer(message: Msg) -> None:
            await message.respond(encode_envelope(ANSWER))

        await subscribe(other.client, SUBJECT, answer)
        assert (await ask(bus)).success


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "dms.events.elk_stats.ServiceCall.victim",
        "dms.dead.elk_stats.ServiceCall.victim",
        SUBJECT,
        "$JS.API.STREAM.DELETE.DMS_EVENTS",
        "$KV.DMS_NOTES.x",
    ],
)
async def test_a_requester_does_not_publish_through_a_responder(
    nats_server: NatsServer, reply: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with dms_events.connect(nats_server.url) as bus, at(nats_server.url) as other:
        heard: list[str] = []

        async def hear(message: Msg) -> None:
            heard.append(message.subject)

        await subscribe(other.client, ">", hear)
        async with bus.respond(DeploymentRequest, deploy):
            await other.client.publish(SUBJECT, b"{}", reply=reply)
            await until(lambda: "requests were skipped" in caplog.text, "it is logged")
            assert (await ask(bus)).success
        assert "DMS_EVENTS" in str(await other.api("STREAM.NAMES", {}))
    assert [subject for subject in heard if subject == (reply or "none")] == (
        [SUBJECT] * 2 if reply == SUBJECT else []
    )


async def test_a_request_that_cannot_be_sent_is_an_error(nats_server: NatsServer) -> None:
    async with dms_events.connect(nats_server.url) as bus:
        large = OutgoingMessage("requests", TYPE, "", "1", bytes(bus.transport.max_payload + 1))
        with pytest.raises(RequestError, match=r"it has 1,048,577 bytes"):
            await bus.transport.request(large, "", 5.0)
        odd = OutgoingMessage("requests", TYPE, "a b", "1", b"")
        with pytest.raises(RequestError, match="do not make a subject"):
            await bus.transport.request(odd, "", 5.0)


async def test_an_answer_that_cannot_be_sent_ends_no_connection(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def much(request: RequestDelivery) -> bytes:
        return bytes(request.largest_answer + 1)

    async with dms_events.connect(nats_server.url) as bus, bus.transport.respond(TYPE, much):
        with pytest.raises(RequestTimeoutError):
            await ask(bus, timeout_s=0.3)
    assert "1 answers could not be sent" in caplog.text
    assert "lost the connection" not in caplog.text


async def test_requests_and_answers_are_bounded_in_bytes(
    nats_server: NatsServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "_MOST_BYTES", 1_000_000)
    go_on = asyncio.Event()

    async def wait(request: RequestDelivery) -> bytes:
        await go_on.wait()
        return encode_envelope(ANSWER)

    async with dms_events.connect(nats_server.url) as bus, bus.transport.respond(TYPE, wait):
        large = OutgoingMessage("requests", TYPE, "", "1", bytes(400_000))
        asking = [asyncio.ensure_future(bus.transport.request(large, "", 2.0)) for _ in range(3)]
        await until(lambda: "1 requests were dropped" in caplog.text, "it is logged")
        go_on.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == [
            "RequestTimeoutError",
            "bytes",
            "bytes",
        ]
        assert await bus.transport.request(large, "", 5.0) == encode_envelope(ANSWER)


async def test_no_request_is_lost_when_one_of_two_responders_comes_and_goes(
    nats_server: NatsServer,
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        dms_events.connect(nats_server.url) as other,
        bus.respond(DeploymentRequest, deploy),
    ):
        numbers = iter(range(2_000))
        answers = []

        async def asks() -> None:
            for number in numbers:
                answers.append((await ask(bus, str(number))).content)

        async def comes_and_goes() -> None:
            while len(answers) < 2_000:
                async with other.respond(DeploymentRequest, deploy):
                    await asyncio.sleep(0)

        await asyncio.gather(comes_and_goes(), *(asks() for _ in range(20)))
    assert sorted(map(int, answers)) == list(range(2_000))


async def test_requests_go_on_after_an_outage(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats")
    await server.start()
    try:
        async with (
            dms_events.connect(server.url, durable=False) as bus,
            bus.respond(DeploymentRequest, deploy),
        ):
            assert (await ask(bus)).success
            await server.kill()
            await until(lambda: not bus.transport.client.is_connected, "the link is lost")
            with pytest.raises(ConnectionLostError, match=r"request deployment\..*127\.0\.0\.1"):
                await ask(bus, timeout_s=0.5)
            await server.start()
            assert (await ask(bus, timeout_s=20)).success
    finally:
        await server.stop()


MORE = """
    {user: all, password: all}
    {user: mute, password: mute, permissions: {
      publish: ["$JS.API.>"], subscribe: ["_INBOX.>", "dms.requests.>"]
    }}
"""


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """With the accounts of the documentation, ``node`` and ``provider``, and two more."""
    text = (HOME / "docs" / "nats.md").read_text().partition("## Requests")[2]
    [documented] = re.findall(r"```\n(authorization .*?)  \]\n\}\n```", text, re.DOTALL)
    for user in ("node", "provider"):
        documented = documented.replace("password: …", f"password: {user}", 1)
    assert "…" not in documented
    async with NatsServer(tmp_path / "nats", config=f"{documented}{MORE}  ]\n}}\n") as server:
        yield server


def as_user(server: NatsServer, name: str, inbox_prefix: str = "_INBOX") -> Bus:
    url = server.url.replace("nats://", f"nats://{name}:{name}@")
    return dms_events.connect(url, durable=False, source=name, inbox_prefix=inbox_prefix)


async def test_accounts_ask_and_answer_with_the_permissions_of_the_page(server: NatsServer) -> None:
    seen: list[str] = []

    async def handle(
        event: DeploymentRequest, message: dms_events.Message[DeploymentRequest]
    ) -> DeploymentResponse:
        seen.append(message.source)
        return DeploymentResponse(success=True)

    async with (
        as_user(server, "node", inbox_prefix="_INBOX_node") as node,
        as_user(server, "provider", inbox_prefix="_INBOX_provider") as provider,
    ):
        async with provider.respond(DeploymentRequest, handle):
            for _ in range(3):
                assert (await ask(node)).success
        with pytest.raises(RequestError, match=r'Violation for Publish to "dms\.requests\.'):
            await ask(provider)
        with pytest.raises(TransportError, match=r'Subscription to "dms\.requests\.'):
            async with node.respond(DeploymentRequest, handle):
                pass
        with pytest.raises(NoResponderError):
            await ask(node)
        forged = OutgoingMessage("requests", TYPE, "somebody", "1", b"")
        with pytest.raises(RequestError, match="Permissions Violation"):
            await node.transport.request(forged, "", 5.0)
    assert seen == ["node"] * 3


async def test_answers_that_are_not_permitted_are_warned_of(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "dms_events")
    async with (
        as_user(server, "all") as bus,
        as_user(server, "mute") as mute,
        mute.respond(DeploymentRequest, deploy),
    ):
        for _ in range(3):
            with pytest.raises(RequestTimeoutError):
                await ask(bus, timeout_s=0.2)
        await until(lambda: "allow_responses" in caplog.text, "it is logged")
    warnings = [r for r in caplog.records if "allow_responses" in r.getMessage()]
    assert len(warnings) == 1, "not for each answer"
    assert 'Permissions Violation for Publish to "_inbox.' in warnings[0].getMessage()
