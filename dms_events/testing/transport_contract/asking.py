"""Requests: one event out, one event of one responder back, or an error that says why not."""

from __future__ import annotations

import asyncio

import pytest

from ...bus import Bus, Message
from ...errors import (
    BadReplyError,
    ConfigError,
    ConnectionLostError,
    NoResponderError,
    RequestTimeoutError,
    TransportError,
)
from ...transport import OutgoingMessage, RequestDelivery
from ...types.deployment import DeploymentRequest, DeploymentResponse, DeploymentUpdate
from .answers import REQUEST, Ask, WithRequests, deploy, echo
from .events import nothing_comes, soon
from .harness import TransportHarness
from .promises import REQUESTS, SHARED_REQUESTS, promise

__all__ = ["Asking"]


LARGEST = 1 << 20


async def note(event: DeploymentUpdate) -> DeploymentUpdate:
    """Answer with the request itself."""
    return event


class Asking(WithRequests):
    """Requests: one event out, one event of one responder back, or an error that says why not."""

    @promise(REQUESTS)
    async def test_a_request_is_answered_with_an_event(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """A request reaches a responder of its type, with its source, and the answer comes back.

        To mend it: make a `RequestDelivery` of it, await the answer, and send its bytes back.
        """
        seen: list[Message[DeploymentRequest]] = []

        async def handle(
            event: DeploymentRequest, message: Message[DeploymentRequest]
        ) -> DeploymentResponse:
            seen.append(message)
            return DeploymentResponse(success=True, content=f"żółć 🚀 {event.max_ntx}")

        async with bus.respond(DeploymentRequest, handle) as responder:
            request = DeploymentRequest(max_ntx=7, service_type="ml")
            response = await bus.request(request, DeploymentResponse, to=harness.responder_of(bus))
        assert response == DeploymentResponse(success=True, content="żółć 🚀 7")
        [message] = seen
        assert (message.event, message.type_name) == (request, REQUEST)
        assert message.source == harness.source_of("node-1")
        assert (message.id, message.time is not None) == (message.envelope.id, True)
        assert (message.attempt, message.sequence, message.claimed_source) == (1, 0, "")
        await message.ack()
        with pytest.raises(TransportError, match="it was delivered once"):
            await message.nak()
        assert (responder.answered, responder.refused) == (1, 0)

    @promise(REQUESTS)
    async def test_nobody_responds_is_an_error_at_once(self, bus: Bus, ask: Ask) -> None:
        """If nobody answers requests of a type, that is a NoResponderError at once.

        To mend it: know the responders of each type; do not wait for the timeout.
        """
        with pytest.raises(NoResponderError, match=REQUEST):
            await ask(timeout_s=300)
        async with bus.respond(DeploymentUpdate, note), bus.respond(DeploymentRequest, deploy):
            assert (await ask("now")).content == "now"
        with pytest.raises(NoResponderError, match=REQUEST):
            await ask(timeout_s=300)

    @promise(REQUESTS)
    async def test_no_answer_in_time_is_an_error_and_the_responder_goes_on(
        self, bus: Bus, ask: Ask
    ) -> None:
        """Without an answer in time a request is a RequestTimeoutError; it may be cancelled; the
        responder goes on.

        To mend it: a request that ended may leave nothing behind that a late answer could break.
        """
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

    @promise(REQUESTS)
    async def test_an_answer_of_another_type_or_no_answer_at_all_is_an_error(
        self, harness: TransportHarness, bus: Bus, ask: Ask
    ) -> None:
        """The bytes of an answer come back as they are, also empty ones.

        To mend it: hand the answer on unread. A reply that is not from a responder is passed over.
        """

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
                    await ask(timeout_s=1.0)

    @promise(REQUESTS)
    async def test_a_reply_has_the_encoding_of_its_request(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """Requests and answers are any bytes.

        To mend it: send them as binary data.
        """
        async with harness.connect(encoding="msgpack") as packed:
            for asker in (bus, packed):
                async with asker.respond(DeploymentRequest, deploy):
                    request = DeploymentRequest(service_type="packed")
                    to = harness.responder_of(asker)
                    response = await asker.request(request, DeploymentResponse, to=to)
                    assert response.content == "packed"
            async with bus.respond(DeploymentRequest, deploy):
                prepared = packed.prepare(DeploymentRequest())
                message = OutgoingMessage("requests", REQUEST, "", "1", prepared.data)
                answer = await bus.transport.request(message, harness.responder_of(bus), 5.0)
                assert answer[0] >= 0x80

    @promise(REQUESTS)
    async def test_aliases_are_read_in_requests_and_answers(
        self, harness: TransportHarness
    ) -> None:
        """The type name beside the payload chooses the responder.

        To mend it: take it from `OutgoingMessage.type_name`.
        """
        aliases = {"/dms/deploy/1.0": REQUEST, "/dms/deployed/1.0": "DeploymentResponse"}
        async with harness.connect(aliases=aliases) as bus:
            async with bus.respond(DeploymentRequest, deploy):
                data = b'{"Type":"/dms/deploy/1.0","Data":"e30="}'
                message = OutgoingMessage("requests", REQUEST, "", "1", data)
                answer = await bus.transport.request(message, harness.responder_of(bus), 5.0)
                assert b'"Type":"deployment.DeploymentResponse"' in answer
            answer = b'{"Type":"/dms/deployed/1.0","Data":"eyJzdWNjZXNzIjp0cnVlfQ=="}'
            async with bus.transport.respond(REQUEST, echo(answer)):
                to = harness.responder_of(bus)
                assert (await bus.request(DeploymentRequest(), DeploymentResponse, to=to)).success

    @promise(REQUESTS)
    async def test_requests_and_answers_have_any_size_up_to_the_largest(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """Requests and answers of 1 MiB travel.

        To mend it: send them in parts if your broker has a lower limit, or lower `max_payload` and
        name this test in `unfit`.
        """
        sizes: list[int] = []

        async def echo(request: RequestDelivery) -> bytes:
            sizes.append(len(request.data))
            return request.data

        to = harness.responder_of(bus)
        async with bus.transport.respond(REQUEST, echo):
            for size in (12, 4_095, 65_536, 700_001, LARGEST):
                data = b'{"Type":"a"}'.ljust(
                    size
                )  # an answer that is no envelope may be passed over
                message = OutgoingMessage("requests", REQUEST, "", "1", data)
                assert await bus.transport.request(message, to, 30.0) == data
        assert sizes == [12, 4_095, 65_536, 700_001, LARGEST]

    @promise(REQUESTS)
    async def test_closing_the_bus_ends_a_request_that_waits(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """Closing a transport ends its waiting requests with a ConnectionLostError.

        To mend it: let `close` wake them. A closed transport raises it in `request` and `respond`
        too.
        """
        begun = asyncio.Event()

        async def handle(event: DeploymentRequest) -> DeploymentResponse:
            begun.set()
            await asyncio.sleep(60)
            return DeploymentResponse()

        async with bus.respond(DeploymentRequest, handle, drain_s=0):
            other = harness.connect()
            await other.open()
            to = harness.responder_of(bus)
            request = other.request(DeploymentRequest(), DeploymentResponse, to=to, timeout_s=60)
            asking = asyncio.ensure_future(request)
            await begun.wait()
            await other.close()
            with pytest.raises(ConnectionLostError):
                async with soon(lambda: "the request still waits"):
                    await asking
            with pytest.raises(ConnectionLostError):
                await other.request(DeploymentRequest(), DeploymentResponse, to=to)
            with pytest.raises(ConnectionLostError):
                async with other.respond(DeploymentRequest, handle):
                    pass

    @promise(REQUESTS)
    async def test_requests_are_no_events(
        self, harness: TransportHarness, bus: Bus, ask: Ask
    ) -> None:
        """A request is never delivered as an event.

        To mend it: keep requests apart from the channel `events`.
        """
        async with bus.subscribe("*") as messages, bus.respond(DeploymentRequest, deploy):
            assert (await ask()).success
            assert await nothing_comes(messages)

    @promise(REQUESTS, SHARED_REQUESTS)
    async def test_a_peer_cannot_be_addressed_where_there_are_none(self, bus: Bus) -> None:
        """A request that names a peer is a ConfigError where peers are not addressed.

        To mend it: raise `ConfigError('to', …)` that advises to leave it out.
        """
        async with bus.respond(DeploymentRequest, deploy):
            with pytest.raises(ConfigError, match=r"to: .*leave it out"):
                await bus.request(DeploymentRequest(), DeploymentResponse, to="12D3KooW")

    @promise(REQUESTS)
    async def test_a_claimed_source_does_not_take_the_place_of_the_transports(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """The source of a request is the transport's word.

        To mend it: `RequestDelivery.source` is `OutgoingMessage.source`, or the proved sender.
        """
        seen: list[Message[DeploymentRequest]] = []

        async def handle(
            event: DeploymentRequest, message: Message[DeploymentRequest]
        ) -> DeploymentResponse:
            seen.append(message)
            return DeploymentResponse()

        async with bus.respond(DeploymentRequest, handle) as responder:
            prepared = bus.prepare(DeploymentRequest(), source="somebody-else")
            message = OutgoingMessage(
                "requests", REQUEST, harness.source_of("node-1"), "1", prepared.data
            )
            await bus.transport.request(message, harness.responder_of(bus), 5.0)
        assert seen[0].source == harness.source_of("node-1")
        assert seen[0].claimed_source == "somebody-else"
        assert responder.differing_claims == 1
