"""Responders: how many requests they get, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from ...bus import Bus
from ...errors import NoResponderError, Reject, RequestTimeoutError, ResponderError
from ...transport import OutgoingMessage
from ...types.deployment import DeploymentRequest, DeploymentResponse, DeploymentUpdate
from .answers import REQUEST, Ask, WithRequests, deploy, echo
from .events import until
from .harness import TransportHarness
from .promises import REQUESTS, SHARED_REQUESTS, promise

__all__ = ["Responding"]


class Responding(WithRequests):
    """Responders: how many requests they get, and how they end."""

    @promise(REQUESTS)
    async def test_a_request_that_cannot_be_read_is_told_so(
        self, harness: TransportHarness, bus: Bus
    ) -> None:
        """The bytes of a request reach the responder as they are.

        To mend it: hand the request on unread.
        """

        async def asked(data: bytes) -> bytes:
            message = OutgoingMessage("requests", REQUEST, "", "1", data)
            to = harness.responder_of(bus)
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
                            DeploymentUpdate(), DeploymentResponse, to=harness.responder_of(bus)
                        )
            # What a Go node sends: a bare name, no ID, no source, no time.
            bare = await asked(b'{"Type":"DeploymentRequest","Data":"e30="}')
            assert b'"Type":"deployment.DeploymentResponse"' in bare

    @promise(REQUESTS)
    async def test_what_a_handler_raises_is_told_to_the_requester_and_ends_nothing(
        self, bus: Bus, ask: Ask, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Errors of a handler travel as answers, and the responder goes on.

        To mend it: the answer function never raises an error of the handler: send back its bytes,
        whatever they are.
        """

        async def handle(event: DeploymentRequest) -> DeploymentResponse:
            match event.service_type:
                case "reject":
                    raise Reject("we are full until monday\x1b[31m")
                case "raise":
                    raise ValueError("no such image")
                case "exit":
                    raise SystemExit(3)
                case "cancel":
                    raise asyncio.CancelledError
                case "surrogate":
                    raise ValueError("\ud800" + "x" * 10_000)
                case "none":
                    return None  # type: ignore[return-value]
                case "unsendable":
                    return DeploymentResponse(content=1)  # type: ignore[arg-type]
            return DeploymentResponse(success=True)

        said = {
            "reject": ("rejected", "we are full until monday\\x1b[31m"),
            "raise": ("failed", "ValueError: no such image"),
            "exit": ("failed", "SystemExit: 3"),
            "cancel": ("failed", "its handler was cancelled"),
            "none": ("failed", "its handler returned no event that can be sent"),
            "unsendable": ("failed", "its handler returned no event that can be sent"),
        }
        async with bus.respond(DeploymentRequest, handle) as responder:
            for service, (code, reason) in said.items():
                with pytest.raises(ResponderError) as caught:
                    await ask(service)
                assert (caught.value.code, caught.value.reason) == (code, reason)
            with pytest.raises(ResponderError, match="ud800xxx") as caught:
                await ask("surrogate")
            assert len(caught.value.reason) < 400
            assert (await ask()).success
        assert (responder.answered, responder.refused) == (1, 7)
        assert "no such image" in caplog.text
        assert "monday" not in caplog.text, "a refusal is no failure"

    @promise(REQUESTS)
    async def test_a_thousand_requests_fifty_at_once_are_all_answered(
        self, harness: TransportHarness, bus: Bus, ask: Ask
    ) -> None:
        """Requests run concurrently, and each gets its own answer.

        To mend it: match answers with requests by an id of your own.
        """
        count = 300
        numbers = iter(range(count))
        answers: list[str] = []

        async def some() -> None:
            for number in numbers:
                answers.append((await ask(str(number), timeout_s=60)).content)

        async with bus.respond(DeploymentRequest, deploy, concurrency=50):
            await asyncio.gather(*(some() for _ in range(50)))
        assert sorted(map(int, answers)) == list(range(count))

    @promise(REQUESTS)
    async def test_a_hundred_requests_at_once_are_all_answered_a_few_at_a_time(
        self, bus: Bus, ask: Ask
    ) -> None:
        """Many requests at once are all handed to the answer function.

        To mend it: call the answer function at once, in a task for each request: the bus limits the
        concurrency itself.
        """
        running = most = 0

        async def handle(event: DeploymentRequest) -> DeploymentResponse:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.005)
            running -= 1
            return DeploymentResponse(content=event.service_type)

        async with bus.respond(DeploymentRequest, handle, concurrency=7):
            asked = (ask(str(number), timeout_s=60) for number in range(100))
            answers = await asyncio.gather(*asked)
        assert [answer.content for answer in answers] == [str(number) for number in range(100)]
        assert most == 7

    @promise(REQUESTS)
    async def test_closing_a_responder_lets_its_handlers_finish(self, bus: Bus, ask: Ask) -> None:
        """Leaving `respond` takes no more requests, and waits for the answers that are being made.

        To mend it: first unsubscribe, then await the running tasks.
        """
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def handle(event: DeploymentRequest) -> DeploymentResponse:
            begun.set()
            await go_on.wait()
            return DeploymentResponse(success=True)

        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(bus.respond(DeploymentRequest, handle))
            asking = asyncio.ensure_future(ask())
            await begun.wait()
            closing = asyncio.ensure_future(stack.aclose())
            while True:  # until it takes no more
                try:
                    await ask(timeout_s=0.05)
                except NoResponderError:
                    break
                except RequestTimeoutError:
                    continue
            assert not closing.done()
            go_on.set()
            await closing
            assert (await asking).success

    @promise(REQUESTS)
    async def test_what_is_not_answered_when_a_responder_has_drained_is_told_so(
        self, bus: Bus, ask: Ask
    ) -> None:
        """The answers that are made while a responder ends are still sent.

        To mend it: disconnect after the last answer was sent.
        """
        begun = asyncio.Event()

        async def handle(event: DeploymentRequest) -> DeploymentResponse:
            begun.set()
            await asyncio.sleep(60)
            return DeploymentResponse()

        async with contextlib.AsyncExitStack() as stack:
            responder = bus.respond(DeploymentRequest, handle, concurrency=1, drain_s=0.1)
            await stack.enter_async_context(responder)
            asking = [asyncio.ensure_future(ask()) for _ in range(3)]
            await begun.wait()

            async def all_here() -> bool:
                return responder.held == 3

            await until(all_here)
            await stack.aclose()
            for each in asking:
                with pytest.raises(ResponderError, match="says stopping"):
                    await each

    @promise(REQUESTS, SHARED_REQUESTS)
    async def test_responders_share_the_requests(
        self, harness: TransportHarness, bus: Bus, ask: Ask
    ) -> None:
        """Several responders of a type share the requests, and one that left gets none.

        To mend it: give each request to one responder, in turn or at random.
        """
        served: Counter[str] = Counter()

        def named(name: str) -> Callable[[DeploymentRequest], Awaitable[DeploymentResponse]]:
            async def handle(event: DeploymentRequest) -> DeploymentResponse:
                served[name] += 1
                return DeploymentResponse(content=name)

            return handle

        async with (
            harness.connect() as other,
            bus.respond(DeploymentRequest, named("one")),
            bus.respond(DeploymentRequest, named("two")),
        ):
            async with other.respond(DeploymentRequest, named("three")):
                await asyncio.gather(*(ask() for _ in range(300)))
                assert set(served) == {"one", "two", "three"}
            before = served["three"]
            await asyncio.gather(*(ask() for _ in range(30)))
        assert (served.total(), served["three"]) == (330, before)
