"""What a bus does about handlers of requests, whatever transport it has."""

from __future__ import annotations

import asyncio

import pytest

from dms_events import (
    Bus,
    ConfigError,
    ResponderError,
    UnknownTypeError,
)
from dms_events.testing.transport_contract.answers import Ask, deploy
from dms_events.transport import RequestDelivery
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse
from dms_events.types.machine import ElasticToken
from tests.contract.places import Place, until

# Requests do not go over other nodes, so a line of nodes adds nothing.
pytestmark = pytest.mark.only("memory", "nats", "nats-core", "libp2p")
SHARED = pytest.mark.only("memory", "nats", "nats-core")


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
