"""Mistakes that type checkers report. Each comment is needed: an unneeded one is reported too."""

from __future__ import annotations

import dms_events
from dms_events import Message, Worker
from dms_events.types.elk_stats import NtxPayment, ServiceCall

worker = Worker("billing")


@worker.on(ServiceCall)  # type: ignore[arg-type]
async def another_type(event: NtxPayment) -> None: ...


@worker.on(ServiceCall)  # type: ignore[arg-type]
async def message_of_another_type(event: ServiceCall, message: Message[NtxPayment]) -> None: ...


@worker.on(ServiceCall)  # type: ignore[arg-type]
async def swapped(message: Message[ServiceCall], event: ServiceCall) -> None: ...


@worker.on(ServiceCall, NtxPayment)  # type: ignore[arg-type]
async def one_of_two(event: ServiceCall) -> None: ...


@worker.on  # type: ignore[call-overload]
async def not_called(event: ServiceCall) -> None: ...


@worker.on(ServiceCall, key=lambda event: event.peer)  # type: ignore[attr-defined]
async def no_such_key(event: ServiceCall) -> None: ...


@worker.on(ServiceCall, batch=10)  # type: ignore[arg-type]
async def batch_without_list(message: Message[ServiceCall]) -> None: ...


@worker.on(ServiceCall)  # type: ignore[arg-type]
async def returns_no_outcome(event: ServiceCall) -> int:
    return event.amount_of_ntx


@worker.on(ServiceCall)  # type: ignore[arg-type]
def not_async(event: ServiceCall) -> None: ...


@worker.reply(ServiceCall)  # type: ignore[arg-type]
async def answers_another_type(event: NtxPayment) -> NtxPayment:
    return event


@worker.reply(ServiceCall)  # type: ignore[arg-type]
async def answers_nothing(event: ServiceCall) -> None: ...


async def reading() -> None:
    async with dms_events.connect("memory://") as bus:
        bus.subscribe(3)  # type: ignore[call-overload]
        async with bus.subscribe(ServiceCall) as messages:
            async for message in messages:
                print(message.event.no_such_field)  # type: ignore[attr-defined]
        await bus.publish("text")  # type: ignore[arg-type]
