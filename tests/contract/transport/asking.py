"""What the contract tests of requests ask for, and how they are answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from dms_events import Bus
from dms_events.transport import RequestDelivery
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse
from tests.contract.places import Place

__all__ = ["REQUEST", "Ask", "asker", "deploy", "echo"]

REQUEST = "deployment.DeploymentRequest"
Ask = Callable[..., Awaitable[DeploymentResponse]]


def asker(place: Place, bus: Bus) -> Ask:
    """Asks the responders of the bus, through the bus."""

    async def ask(service: str = "", **options: float) -> DeploymentResponse:
        request = DeploymentRequest(service_type=service)
        to = place.responder_of(bus)
        return await bus.request(request, DeploymentResponse, to=to, **options)

    return ask


async def deploy(event: DeploymentRequest) -> DeploymentResponse:
    return DeploymentResponse(success=True, content=event.service_type)


def echo(answer: bytes) -> Callable[[RequestDelivery], Coroutine[Any, Any, bytes]]:
    """Answers all requests with the same bytes."""

    async def answer_all(request: RequestDelivery) -> bytes:
        return answer

    return answer_all
