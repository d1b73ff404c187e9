"""Responders: what their handlers may do, how many they handle at a time, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from dms_events import (
    Bus,
    ConfigError,
    NoResponderError,
    Reject,
    RequestTimeoutError,
    ResponderError,
    UnknownTypeError,
)
from dms_events.transport import RequestDelivery
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse
from dms_events.types.machine import ElasticToken
from tests.contract.places import Place, until

from .asking import Ask, deploy

# Requests do not go over other nodes, so a line of nodes adds nothing.
pytestmark = pytest.mark.only("memory", "nats", "nats-core", "libp2p")
SHARED = pytest.mark.only("memory", "nats", "nats-core")


async def test_what_a_handler_raises_is_told_to_the_requester_and_ends_nothing(
    bus: Bus, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
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


async def test_no_word_travels_of_an_error_that_may_quote_a_secret(
    place: Place, bus: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    async def handle(event: ElasticToken) -> DeploymentResponse:
        raise ValueError(f"cannot use {event.token}")

    async with bus.respond(ElasticToken, handle):
        token = ElasticToken(token="s3cr3t")
        with pytest.raises(ResponderError, match="ValueError: its words are withheld"):
            await bus.request(token, DeploymentResponse, to=place.responder_of(bus))
    assert "s3cr3t" not in caplog.text


async def test_a_handler_has_its_time(bus: Bus, ask: Ask) -> None:
    async def handle(event: DeploymentRequest) -> DeploymentResponse:
        if event.service_type == "own":
            raise TimeoutError("of its own")
        await asyncio.sleep(60)
        return DeploymentResponse()

    async with bus.respond(DeploymentRequest, handle, timeout_s=0.1):
        with pytest.raises(ResponderError, match=r"says timeout: no answer within 0\.1 s"):
            await ask()
        with pytest.raises(ResponderError, match="says failed: TimeoutError: of its own"):
            await ask("own")


async def test_a_thousand_requests_fifty_at_once_are_all_answered(
    place: Place, bus: Bus, ask: Ask
) -> None:
    # Both of two libp2p nodes in one process take turns; a Go peer is asked a thousand times.
    count = 300 if place.kind == "libp2p" else 1_000
    numbers = iter(range(count))
    answers: list[str] = []

    async def some() -> None:
        for number in numbers:
            answers.append((await ask(str(number), timeout_s=60)).content)

    async with bus.respond(DeploymentRequest, deploy, concurrency=50):
        await asyncio.gather(*(some() for _ in range(50)))
    assert sorted(map(int, answers)) == list(range(count))


async def test_a_hundred_requests_at_once_are_all_answered_a_few_at_a_time(
    bus: Bus, ask: Ask
) -> None:
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


async def test_closing_a_responder_lets_its_handlers_finish(bus: Bus, ask: Ask) -> None:
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


async def test_what_is_not_answered_when_a_responder_has_drained_is_told_so(
    bus: Bus, ask: Ask
) -> None:
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


async def test_an_option_that_cannot_be_is_refused(bus: Bus) -> None:
    async def three(one: object, two: object, three: object) -> DeploymentResponse:
        raise AssertionError

    for options in ({"concurrency": 0}, {"timeout_s": 0.0}, {"drain_s": -1.0}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            bus.respond(DeploymentRequest, deploy, **options)
    with pytest.raises(ConfigError, match="an event and its message"):
        bus.respond(DeploymentRequest, three)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="async def"):
        bus.respond(DeploymentRequest, lambda event: event)
    with pytest.raises(UnknownTypeError):
        bus.respond(RequestDelivery, deploy)  # type: ignore[arg-type]
    with pytest.raises(UnknownTypeError):
        await bus.request(DeploymentRequest(), RequestDelivery)
    for timeout_s in (0, -1, float("inf"), float("nan")):
        with pytest.raises(ConfigError, match="timeout_s"):
            await bus.request(DeploymentRequest(), DeploymentResponse, timeout_s=timeout_s)


@SHARED
async def test_responders_share_the_requests(place: Place, bus: Bus, ask: Ask) -> None:
    served: Counter[str] = Counter()

    def named(name: str) -> Callable[[DeploymentRequest], Awaitable[DeploymentResponse]]:
        async def handle(event: DeploymentRequest) -> DeploymentResponse:
            served[name] += 1
            return DeploymentResponse(content=name)

        return handle

    async with (
        place.connect() as other,
        bus.respond(DeploymentRequest, named("one")),
        bus.respond(DeploymentRequest, named("two")),
    ):
        async with other.respond(DeploymentRequest, named("three")):
            await asyncio.gather(*(ask() for _ in range(300)))
            assert set(served) == {"one", "two", "three"}
        before = served["three"]
        await asyncio.gather(*(ask() for _ in range(30)))
    assert (served.total(), served["three"]) == (330, before)


@SHARED
async def test_who_asks_too_much_is_told_so(bus: Bus, ask: Ask) -> None:
    go_on = asyncio.Event()

    async def handle(event: DeploymentRequest) -> DeploymentResponse:
        await go_on.wait()
        return DeploymentResponse()

    async with bus.respond(DeploymentRequest, handle, concurrency=1_000) as responder:
        asking = [asyncio.ensure_future(ask(timeout_s=60)) for _ in range(1_100)]

        async def all_there() -> bool:
            return responder.held + responder.refused == 1_100

        await until(all_there, within_s=30)
        go_on.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, ResponderError)]
    assert len(refused) == 100
    assert {str(error).partition(" says ")[2] for error in refused} == {
        "busy: 1000 requests are here already"
    }
