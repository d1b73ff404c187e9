"""What type checkers accept, and the types that they find."""

from __future__ import annotations

from typing import Any, assert_type

import dms_events
from dms_events import Again, Bus, Dead, Done, Message, Subscription, Worker
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse
from dms_events.types.elk_stats import NtxPayment, ServiceCall

worker = Worker("billing")


async def bus_and_subscriptions(request: DeploymentRequest) -> None:
    async with dms_events.connect("memory://") as bus:
        assert_type(bus, Bus)
        assert_type(bus.subscribe(ServiceCall, durable="billing"), Subscription[ServiceCall])
        assert_type(bus.subscribe(ServiceCall, NtxPayment), Subscription[ServiceCall | NtxPayment])
        assert_type(bus.subscribe("elk_stats.*"), Subscription[Any])
        async with bus.subscribe(ServiceCall) as messages:
            async for message in messages:
                assert_type(message, Message[ServiceCall])
                assert_type(message.event, ServiceCall)
                assert_type(message.event.call_id, float)
        assert_type(await bus.request(request, DeploymentResponse), DeploymentResponse)


@worker.on(ServiceCall)
async def event_alone(event: ServiceCall) -> None:
    assert_type(event, ServiceCall)


@worker.on(ServiceCall, attempts=3, backoff_s=0.5, timeout_s=None)
async def event_and_message(event: ServiceCall, message: Message[ServiceCall]) -> None: ...


@worker.on(ServiceCall)
async def message_of_any(event: ServiceCall, message: Message[Any]) -> None: ...


@worker.on(ServiceCall, NtxPayment, key=lambda event: event.amount_of_ntx)
async def either(
    event: ServiceCall | NtxPayment, message: Message[ServiceCall | NtxPayment]
) -> None: ...


@worker.on("elk_stats.*", "machine.*")
async def pattern(event: Any) -> None: ...


@worker.on(ServiceCall, batch=100, linger_s=0.5)
async def batch(messages: list[Message[ServiceCall]]) -> None: ...


@worker.on(ServiceCall)
async def with_an_outcome(event: ServiceCall) -> Again | Dead | None:
    return Again(5.0) if event.amount_of_ntx else Dead(ValueError(event.status))


@worker.on(ServiceCall, batch=10)
async def with_outcomes(messages: list[Message[ServiceCall]]) -> list[Done | Again | Dead]:
    return [Done() for _ in messages]


@worker.on(NtxPayment)
async def with_more(event: NtxPayment, *, rate: float = 1.0) -> None: ...


@worker.reply(DeploymentRequest, concurrency=5)
async def answer(event: DeploymentRequest) -> DeploymentResponse:
    return DeploymentResponse(success=event.max_ntx > 0)


@worker.reply(DeploymentRequest)
async def answer_with_message(
    event: DeploymentRequest, message: Message[DeploymentRequest]
) -> DeploymentResponse:
    return DeploymentResponse(content=message.source)


async def handlers_stay_callable(call: ServiceCall, message: Message[ServiceCall]) -> None:
    await event_alone(call)
    await event_and_message(call, message)
    await batch([message])
