"""The requests that the suite sends, and the handlers that answer them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from ...bus import Bus
from ...transport import RequestDelivery
from ...types.deployment import DeploymentRequest, DeploymentResponse
from .base import Contract
from .harness import TransportHarness

__all__ = ["REQUEST", "Ask", "WithRequests", "asker", "deploy", "echo"]

REQUEST = "deployment.DeploymentRequest"
Ask = Callable[..., Awaitable[DeploymentResponse]]


def asker(harness: TransportHarness, bus: Bus) -> Ask:
    """Return a function that asks the responders of the bus, through the bus."""

    async def ask(service: str = "", **options: float) -> DeploymentResponse:
        request = DeploymentRequest(service_type=service)
        to = harness.responder_of(bus)
        return await bus.request(request, DeploymentResponse, to=to, **options)

    return ask


async def deploy(event: DeploymentRequest) -> DeploymentResponse:
    """Answer with the request's own word."""
    return DeploymentResponse(success=True, content=event.service_type)


def echo(answer: bytes) -> Callable[[RequestDelivery], Coroutine[Any, Any, bytes]]:
    """Answer all requests with the same bytes."""

    async def answer_all(request: RequestDelivery) -> bytes:
        return answer

    return answer_all


class WithRequests(Contract):
    """Tests that ask."""

    @pytest.fixture
    def ask(self, harness: TransportHarness, bus: Bus) -> Ask:
        """Asks the responders of the bus."""
        return asker(harness, bus)
