"""Requests: one event out, one event of one responder back, or an error that says why not."""

from __future__ import annotations

import asyncio
from typing import TypeVar

import pytest

from dms_events import (
    BadReplyError,
    Bus,
    ConfigError,
    ConnectionLostError,
    Message,
    NoResponderError,
    OutgoingMessage,
    RequestTimeoutError,
    ResponderError,
    TransportError,
)
from dms_events.transport import MemoryTransport, RequestDelivery
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse, DeploymentUpdate
from tests.contract.places import Place, nothing_comes

from .asking import REQUEST, Ask, deploy, echo

# Requests do not go over other nodes, so a line of nodes adds nothing.
pytestmark = pytest.mark.only("memory", "nats", "nats-core", "libp2p")
SHARED = pytest.mark.only("memory", "nats", "nats-core")
LARGEST = 1 << 20
T = TypeVar("T")


async def note(event: DeploymentUpdate) -> DeploymentUpdate:
    return event


async def test_a_request_is_answered_with_an_event(place: Place, bus: Bus) -> None:
    seen: list[Message[DeploymentRequest]] = []

    async def handle(
        event: DeploymentRequest, message: Message[DeploymentRequest]
    ) -> DeploymentResponse:
        seen.append(message)
        return DeploymentResponse(success=True, content=f"żółć 🚀 {event.max_ntx}")

    async with bus.respond(DeploymentRequest, handle) as responder:
        request = DeploymentRequest(max_ntx=7, service_type="ml")
        response = await bus.request(request, DeploymentResponse, to=place.responder_of(bus))
    assert response == DeploymentResponse(success=True, content="żółć 🚀 7")
    [message] = seen
    assert (message.event, message.type_name) == (request, REQUEST)
    assert message.source == place.source_of("node-1")
    assert (message.id, message.time is not None) == (message.envelope.id, True)
    assert (message.attempt, message.sequence, message.claimed_source) == (1, 0, "")
    await message.ack()
    with pytest.raises(TransportError, match="it was delivered once"):
        await message.nak()
    assert (responder.answered, responder.refused) == (1, 0)


async def test_nobody_responds_is_an_error_at_once(bus: Bus, ask: Ask) -> None:
    with pytest.raises(NoResponderError, match=REQUEST):
        await ask(timeout_s=300)
    async with bus.respond(DeploymentUpdate, note), bus.respond(DeploymentRequest, deploy):
        assert (await ask("now")).content == "now"
    with pytest.raises(NoResponderError, match=REQUEST):
        await ask(timeout_s=300)


async def test_no_answer_in_time_is_an_error_and_the_responder_goes_on(bus: Bus, ask: Ask) -> None:
    go_on = asyncio.Event()

    async def handle(event: DeploymentRequest) -> DeploymentResponse:
        if event.service_type == "slow":
            await go_on.wait()
        return DeploymentResponse(success=True)

    async with bus.respond(DeploymentRequest, handle):
        with pytest.raises(RequestTimeoutError, match=r"no answer.* 0\.2 s"):
            await ask("slow", timeout_s=0.2)
        asking = asyncio.ensure_future(ask("slow"))
        await asyncio.sleep(0.05)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (await ask()).success
        go_on.set()


async def test_an_answer_of_another_type_or_no_answer_at_all_is_an_error(
    place: Place, bus: Bus, ask: Ask
) -> None:
    async def update(event: DeploymentRequest) -> DeploymentUpdate:
        return DeploymentUpdate(msg="what is this?")

    async with bus.respond(DeploymentRequest, update):
        with pytest.raises(BadReplyError, match=r"DeploymentUpdate: expected deployment\."):
            await ask()

    for junk in (b"", b"junk", b'{"stream":"DMS","seq":1}', b'{"Type":"no.Type","Data":""}'):

        async def answer(request: RequestDelivery, junk: bytes = junk) -> bytes:
            return junk

        async with bus.transport.respond(REQUEST, answer):
            with pytest.raises(BadReplyError):
                await ask(timeout_s=0.3)


async def test_a_request_that_cannot_be_read_is_told_so(place: Place, bus: Bus) -> None:
    async def asked(data: bytes) -> bytes:
        message = OutgoingMessage("requests", REQUEST, "", "1", data)
        to = place.responder_of(bus)
        answer: bytes = await bus.transport.request(message, to, 5.0)
        return answer

    async with bus.respond(DeploymentRequest, deploy):
        for junk in (
            b"",
            b"junk",
            b'{"Type":"deployment.DeploymentRequest","Data":"e30"}',
            b'{"Type":"deployment.DeploymentRequest","Data":"W10="}',
            b'{"Type":"deployment.DeploymentUpdate","Data":"e30="}',
            b'{"Type":"who.Knows","Data":"e30="}',
        ):
            answer = await asked(junk)
            assert answer.startswith(b'{"Type":"requests.Error","Data":"'), answer
            async with bus.transport.respond("deployment.DeploymentUpdate", echo(answer)):
                with pytest.raises(ResponderError, match="says undecodable"):
                    await bus.request(
                        DeploymentUpdate(), DeploymentResponse, to=place.responder_of(bus)
                    )
        # What a Go node sends: a bare name, no ID, no source, no time.
        bare = await asked(b'{"Type":"DeploymentRequest","Data":"e30="}')
        assert b'"Type":"deployment.DeploymentResponse"' in bare


async def test_a_reply_has_the_encoding_of_its_request(place: Place, bus: Bus) -> None:
    async with place.connect(encoding="msgpack") as packed:
        for asker in (bus, packed):
            async with asker.respond(DeploymentRequest, deploy):
                request = DeploymentRequest(service_type="packed")
                to = place.responder_of(asker)
                response = await asker.request(request, DeploymentResponse, to=to)
                assert response.content == "packed"
        async with bus.respond(DeploymentRequest, deploy):
            prepared = packed.prepare(DeploymentRequest())
            message = OutgoingMessage("requests", REQUEST, "", "1", prepared.data)
            answer = await bus.transport.request(message, place.responder_of(bus), 5.0)
            assert answer[0] >= 0x80


async def test_aliases_are_read_in_requests_and_answers(place: Place) -> None:
    aliases = {"/dms/deploy/1.0": REQUEST, "/dms/deployed/1.0": "DeploymentResponse"}
    async with place.connect(aliases=aliases) as bus:
        async with bus.respond(DeploymentRequest, deploy):
            data = b'{"Type":"/dms/deploy/1.0","Data":"e30="}'
            message = OutgoingMessage("requests", REQUEST, "", "1", data)
            answer = await bus.transport.request(message, place.responder_of(bus), 5.0)
            assert b'"Type":"deployment.DeploymentResponse"' in answer
        answer = b'{"Type":"/dms/deployed/1.0","Data":"eyJzdWNjZXNzIjp0cnVlfQ=="}'
        async with bus.transport.respond(REQUEST, echo(answer)):
            to = place.responder_of(bus)
            assert (await bus.request(DeploymentRequest(), DeploymentResponse, to=to)).success


async def test_requests_and_answers_have_any_size_up_to_the_largest(place: Place, bus: Bus) -> None:
    sizes: list[int] = []

    async def echo(request: RequestDelivery) -> bytes:
        sizes.append(len(request.data))
        return request.data

    to = place.responder_of(bus)
    async with bus.transport.respond(REQUEST, echo):
        for size in (12, 4_095, 65_536, 700_001, LARGEST):
            data = b'{"Type":"a"}'.ljust(size)  # an answer that is no envelope may be passed over
            message = OutgoingMessage("requests", REQUEST, "", "1", data)
            assert await bus.transport.request(message, to, 30.0) == data
    assert sizes == [12, 4_095, 65_536, 700_001, LARGEST]


async def test_closing_the_bus_ends_a_request_that_waits(place: Place, bus: Bus) -> None:
    begun = asyncio.Event()

    async def handle(event: DeploymentRequest) -> DeploymentResponse:
        begun.set()
        await asyncio.sleep(60)
        return DeploymentResponse()

    async with bus.respond(DeploymentRequest, handle, drain_s=0):
        other = place.connect()
        await other.open()
        to = place.responder_of(bus)
        request = other.request(DeploymentRequest(), DeploymentResponse, to=to, timeout_s=60)
        asking = asyncio.ensure_future(request)
        await begun.wait()
        await other.close()
        with pytest.raises(ConnectionLostError):
            await asyncio.wait_for(asking, 10)
        with pytest.raises(ConnectionLostError):
            await other.request(DeploymentRequest(), DeploymentResponse, to=to)
        with pytest.raises(ConnectionLostError):
            async with other.respond(DeploymentRequest, handle):
                pass


async def test_requests_are_no_events(place: Place, bus: Bus, ask: Ask) -> None:
    async with bus.subscribe("*") as messages, bus.respond(DeploymentRequest, deploy):
        assert (await ask()).success
        assert await nothing_comes(messages)


@SHARED
async def test_a_peer_cannot_be_addressed_where_there_are_none(bus: Bus) -> None:
    async with bus.respond(DeploymentRequest, deploy):
        with pytest.raises(ConfigError, match=r"to: .*leave it out"):
            await bus.request(DeploymentRequest(), DeploymentResponse, to="12D3KooW")


async def test_a_claimed_source_does_not_take_the_place_of_the_transports(
    place: Place, bus: Bus
) -> None:
    seen: list[Message[DeploymentRequest]] = []

    async def handle(
        event: DeploymentRequest, message: Message[DeploymentRequest]
    ) -> DeploymentResponse:
        seen.append(message)
        return DeploymentResponse()

    async with bus.respond(DeploymentRequest, handle) as responder:
        prepared = bus.prepare(DeploymentRequest(), source="somebody-else")
        message = OutgoingMessage(
            "requests", REQUEST, place.source_of("node-1"), "1", prepared.data
        )
        await bus.transport.request(message, place.responder_of(bus), 5.0)
    assert seen[0].source == place.source_of("node-1")
    assert seen[0].claimed_source == "somebody-else"
    assert responder.differing_claims == 1


@pytest.mark.only("memory")
async def test_a_transport_may_have_no_requests(place: Place) -> None:
    class Plain(MemoryTransport):
        def capability(self, kind: type[T]) -> T | None:
            return None

    async with Bus(Plain(place.url)) as bus:
        with pytest.raises(ConfigError, match="Plain has no requests and replies"):
            await bus.request(DeploymentRequest(), DeploymentResponse)
        with pytest.raises(ConfigError, match="Plain has no requests and replies"):
            async with bus.respond(DeploymentRequest, deploy):
                pass
