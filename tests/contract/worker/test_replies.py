"""A worker that answers requests: alone, without a durable, or beside the messages that it handles."""

from __future__ import annotations

import asyncio

import pytest

from dms_events import (
    Bus,
    ConfigError,
    Message,
    NoResponderError,
    Reject,
    ResponderError,
    Worker,
)
from dms_events.types.deployment import DeploymentRequest, DeploymentResponse, DeploymentUpdate
from dms_events.types.elk_stats import ServiceCall
from tests.contract.places import Place, call, until

from .working import running

pytestmark = pytest.mark.only("memory", "nats", "nats-core", "libp2p")


async def ask(place: Place, bus: Bus, service: str = "") -> str:
    request = DeploymentRequest(service_type=service)
    to = place.responder_of(bus)
    return (await bus.request(request, DeploymentResponse, to=to, timeout_s=20)).content


async def answers(place: Place, bus: Bus) -> None:
    """Wait until the worker is there."""

    async def there() -> bool:
        try:
            await ask(place, bus)
        except NoResponderError:
            return False
        return True

    await until(there)


async def test_a_worker_that_only_replies_takes_no_durable(place: Place, bus: Bus) -> None:
    worker = Worker()

    @worker.reply(DeploymentRequest)
    async def deploy(
        event: DeploymentRequest, message: Message[DeploymentRequest]
    ) -> DeploymentResponse:
        assert worker.bus is bus
        if event.service_type == "reject":
            raise Reject("it is full")
        return DeploymentResponse(content=f"{event.service_type} for {message.source}")

    @worker.reply(DeploymentUpdate, concurrency=1)
    async def note(event: DeploymentUpdate) -> DeploymentUpdate:
        return event

    assert worker.handlers == {}
    assert {name: n.rpartition(".")[2] for name, n in worker.replies.items()} == {
        "deployment.DeploymentRequest": "deploy",
        "deployment.DeploymentUpdate": "note",
    }
    async with running(worker, bus) as task:
        await answers(place, bus)
        assert await ask(place, bus, "ml") == f"ml for {place.source_of('node-1')}"
        with pytest.raises(ResponderError, match="says rejected: it is full"):
            await ask(place, bus, "reject")
        update = DeploymentUpdate(msg="done")
        to = place.responder_of(bus)
        assert await bus.request(update, DeploymentUpdate, to=to) == update
    stats = task.result()
    assert (stats.answered, stats.refused, stats.received) == (3, 1, 0)
    with pytest.raises(NoResponderError):
        await ask(place, bus)


async def test_a_worker_that_is_stopped_finishes_its_replies(place: Place, bus: Bus) -> None:
    worker, begun, go_on = Worker(), asyncio.Event(), asyncio.Event()

    @worker.reply(DeploymentRequest)
    async def deploy(event: DeploymentRequest) -> DeploymentResponse:
        if event.service_type == "slow":
            begun.set()
            await go_on.wait()
        return DeploymentResponse(content="done")

    async with running(worker, bus) as task:
        await answers(place, bus)
        asking = asyncio.ensure_future(ask(place, bus, "slow"))
        await begun.wait()
        worker.stop()
        await asyncio.sleep(0)
        assert not task.done()
        go_on.set()
        assert await asking == "done"


@pytest.mark.promised("acknowledges")
async def test_a_worker_handles_messages_and_replies(place: Place, bus: Bus) -> None:
    worker, handled = Worker("billing"), list[float]()

    @worker.on(ServiceCall)
    async def bill(event: ServiceCall) -> None:
        handled.append(event.call_id)

    @worker.reply(DeploymentRequest)
    async def count(event: DeploymentRequest) -> DeploymentResponse:
        return DeploymentResponse(content=str(len(handled)))

    for number in range(2):
        async with running(worker, bus):
            await bus.publish(call(float(number)))
            await answers(place, bus)

            async def all_handled(number: int = number) -> bool:
                return await ask(place, bus) == str(number + 1)

            await until(all_handled)
    assert handled == [0.0, 1.0]


@pytest.mark.only("memory")
async def test_a_worker_that_drains_ends_its_replies(bus: Bus) -> None:
    worker = Worker()

    @worker.reply(DeploymentRequest)
    async def deploy(event: DeploymentRequest) -> DeploymentResponse:
        return DeploymentResponse()

    worker.drain()
    async with asyncio.timeout(5):
        stats = await worker.run(bus)
        assert not any(stats.figures().values())


@pytest.mark.only("memory")
async def test_a_reply_that_cannot_be_is_refused(bus: Bus) -> None:
    worker = Worker()
    with pytest.raises(ConfigError, match=r"@worker.on\(Type\) or @worker.reply\(Type\)"):
        await worker.run(bus)

    @worker.reply(DeploymentRequest)
    async def deploy(event: DeploymentRequest) -> DeploymentResponse:
        return DeploymentResponse()

    with pytest.raises(ConfigError, match=r"has a function already, .*deploy"):
        worker.reply(DeploymentRequest)(deploy)
    with pytest.raises(ConfigError, match=r"does not admit deployment\.DeploymentUpdate"):
        worker.reply(DeploymentUpdate)(deploy)  # type: ignore[arg-type]
    worker.reply(DeploymentUpdate)(lambda event: event)  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigError, match="async def"):
        await worker.run(bus)
    assert await deploy(DeploymentRequest()) == DeploymentResponse(), "it stays as it is"
