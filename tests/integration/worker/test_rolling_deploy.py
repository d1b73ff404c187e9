"""A rolling deploy whose new version has one more handler, as docs/nats.md says to do it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

import dms_events
from dms_events import ConfigError, Message, Worker
from dms_events.types.elk_stats import NtxPayment, ServiceCall
from dms_events_nats import DurableSetup, NatsServer, NatsSetup, apply_setup
from tests.kit.programs.processes import until
from tests.kit.servers.operator import at
from tests.kit.storing import call

Reads = dict[str, type[Any]]
V1: Reads = {"billing": ServiceCall}
V2: Reads = {"billing": ServiceCall, "billing-payments": NtxPayment}
Handled = list[tuple[str, str, float]]
"""Who handled what: the name of a node, the type, the call."""


def payment(number: int) -> NtxPayment:
    return NtxPayment(
        call_id=float(number),
        service_id="service",
        amount_of_ntx=7,
        peer_id="peer",
        success_fail_status="success",
        timestamp=1_795_460_123.5,
    )


@asynccontextmanager
async def node(url: str, name: str, reads: Reads, handled: Handled) -> AsyncIterator[None]:
    """A node of the service: a worker for each durable, which finishes what it has begun."""

    def working(durable: str, type_: type[Any]) -> Worker:
        worker = Worker(durable, prefetch=20)

        @worker.on(type_)
        async def handle(event: Any, message: Message[Any]) -> None:
            handled.append((name, message.type_name, event.call_id))

        return worker

    workers = [working(durable, type_) for durable, type_ in reads.items()]
    async with dms_events.connect(url) as bus, asyncio.TaskGroup() as tasks:
        for worker in workers:
            tasks.create_task(worker.run(bus))
        try:
            yield
        finally:
            for worker in workers:
                worker.stop()


async def publish_until(stop: asyncio.Event, url: str) -> int:
    """Calls and payments, numbered, a few at a time; how many of each."""
    number = 0
    async with dms_events.connect(url) as bus:
        while not stop.is_set():
            await bus.publish_many([call(number), payment(number)])
            number += 1
    return number


async def has_handled(handled: Handled, *names: str) -> None:
    """Wait until each of these nodes has handled something from now on."""
    start = len(handled)
    await until(
        lambda: set(names) <= {name for name, *_ in handled[start:]}, f"{names} handle something"
    )


async def test_nothing_is_lost_or_handled_twice_while_both_versions_run(
    nats_server: NatsServer,
) -> None:
    url = nats_server.url
    handled: Handled = []
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(publish_until(stop, url))
        async with AsyncExitStack() as new:
            async with AsyncExitStack() as second:
                async with AsyncExitStack() as first:
                    await first.enter_async_context(node(url, "old-1", V1, handled))
                    await second.enter_async_context(node(url, "old-2", V1, handled))
                    await has_handled(handled, "old-1", "old-2")
                    # What docs/nats.md says: the declaration first, then the nodes one by one.
                    durables = {
                        name: DurableSetup(types=(f"elk_stats.{type_.__name__}",))
                        for name, type_ in V2.items()
                    }
                    found = await apply_setup(url, NatsSetup(durables=durables))
                    assert [(d.place, d.state) for d in found] == [
                        ("durable billing-payments", "missing")
                    ]
                    await new.enter_async_context(node(url, "new-1", V2, handled))
                    await has_handled(handled, "old-1", "old-2", "new-1")
                await has_handled(handled, "old-2", "new-1")
                await new.enter_async_context(node(url, "new-2", V2, handled))
                await has_handled(handled, "old-2", "new-1", "new-2")
            await has_handled(handled, "new-1", "new-2")
            # And back: the old version still finds its durable.
            async with node(url, "old-3", V1, handled):
                await has_handled(handled, "old-3", "new-1", "new-2")
            stop.set()
            count = await publishing
            await until(lambda: len(handled) >= 2 * count, "all are handled")
        async with at(url) as operator:
            for durable in V2:
                info = await operator.api(f"CONSUMER.INFO.DMS_EVENTS.{durable}")
                assert (info["num_pending"], info["num_ack_pending"]) == (0, 0)
    expected = {
        (type_name, float(number))
        for type_name in ("elk_stats.ServiceCall", "elk_stats.NtxPayment")
        for number in range(count)
    }
    times = Counter((type_name, number) for _, type_name, number in handled)
    assert set(times) == expected, "nothing is lost, also of what was published before the deploy"
    assert set(times.values()) == {1}, "nothing is handled twice"
    by_old = {type_name for name, type_name, _ in handled if name.startswith("old")}
    assert by_old == {"elk_stats.ServiceCall"}


async def test_one_durable_for_both_types_is_refused_and_the_old_version_goes_on(
    nats_server: NatsServer,
) -> None:
    handled: Handled = []
    async with (
        node(nats_server.url, "old", V1, handled),
        dms_events.connect(nats_server.url) as bus,
    ):
        await bus.publish(call(1))
        await until(lambda: len(handled) == 1, "the first call is handled")
        with pytest.raises(ConfigError) as caught:
            async with bus.subscribe(ServiceCall, NtxPayment, durable="billing"):
                pass
        cure = "Read dms.events.elk_stats.NtxPayment.> under another durable name beside it"
        assert cure in caught.value.reason
        await bus.publish_many([call(2), payment(2)])
        await until(lambda: len(handled) == 2, "it goes on")
    assert {type_name for _, type_name, _ in handled} == {"elk_stats.ServiceCall"}


async def test_a_durable_that_starts_with_what_is_new_leaves_out_what_was_there(
    nats_server: NatsServer,
) -> None:
    setup = NatsSetup(durables={"late": DurableSetup(types=("NtxPayment",), start="new")})
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish(payment(1))
        await apply_setup(nats_server.url, setup)
        await bus.publish(payment(2))  # before anybody reads
        async with bus.subscribe(NtxPayment, durable="late") as messages:
            assert [m.event for m in await messages.batch(2, 0.5)] == [payment(2)]
