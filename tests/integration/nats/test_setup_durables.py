"""Durables are made as they are declared; what one reads is never changed under its readers."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

import dms_events
from dms_events import ConfigError, Subscription
from dms_events.types.elk_stats import NtxPayment, ServiceCall
from dms_events_nats import (
    DurableSetup,
    EventsSetup,
    NatsServer,
    NatsSetup,
    apply_setup,
    check_setup,
)
from tests.kit.servers.operator import Operator, plain
from tests.kit.storing import call

OVERWRITE = partial(apply_setup, overwrite=True)
S = 10**9
BILLING = DurableSetup(types=("elk_stats.ServiceCall",))


async def entered(subscription: Subscription[Any]) -> None:
    async with subscription:
        pass


async def test_a_durable_that_was_set_up_is_the_one_that_is_subscribed_to(
    nats_server: NatsServer,
) -> None:
    setup = NatsSetup(durables={"billing": BILLING})
    await apply_setup(nats_server.url, setup)
    async with dms_events.connect(nats_server.url) as bus:
        await bus.publish(call(1))
        async with bus.subscribe(ServiceCall, durable="billing") as messages:
            assert (await anext(messages)).event == call(1)
    assert await check_setup(nats_server.url, setup) == []


async def test_a_change_after_the_servers_restart_counts_as_applied(
    nats_server: NatsServer,
) -> None:
    await apply_setup(nats_server.url, NatsSetup(durables={"billing": BILLING}))
    await nats_server.stop()
    await nats_server.start()
    changed = NatsSetup(durables={"billing": replace(BILLING, ack_wait_s=41.0)})
    [found] = await apply_setup(nats_server.url, changed)
    assert (found.setting, found.declared, found.applied) == ("ack_wait_s", "41", True)


async def test_what_the_server_knows_of_a_consumer_and_nats_py_does_not_is_kept(
    nats_server: NatsServer, operator: Operator
) -> None:
    await apply_setup(nats_server.url, NatsSetup())
    unknown: dict[str, Any] = {
        "priority_groups": ["first"],
        "priority_policy": "overflow",
        "max_batch": 700,
        "max_expires": 60 * S,
        "max_bytes": 9_000_000,
        "pause_until": "2099-01-01T00:00:00Z",
        "max_ack_pending": 50_000,
        "filter_subject": "dms.events.elk_stats.ServiceCall.>",
    }
    made = await operator.make_consumer("billing", ack_wait=60 * S, **unknown)
    assert made.items() >= unknown.items()
    setup = NatsSetup(durables={"billing": replace(BILLING, ack_wait_s=60)})
    assert await apply_setup(nats_server.url, setup) == []
    anew = NatsSetup(durables={"billing": replace(BILLING, ack_wait_s=90)})
    [found] = await apply_setup(nats_server.url, anew)
    assert (found.setting, found.state, found.applied) == ("ack_wait_s", "outdated", True)
    assert plain(await operator.consumer("billing")) == plain(made) | {"ack_wait": 90 * S}


async def test_a_durable_that_reads_something_else_is_refused_and_left(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with (
        dms_events.connect(nats_server.url) as bus,
        bus.subscribe(ServiceCall, durable="billing"),
    ):
        pass
    before = await operator.consumer("billing")
    for types in (("ServiceCall", "NtxPayment"), ("NtxPayment",), ("*",)):
        other = NatsSetup(durables={"billing": DurableSetup(types=types, ack_wait_s=5)})
        for ask in (check_setup, apply_setup, OVERWRITE):
            found = await ask(nats_server.url, other)
            assert [(d.setting, d.state, d.applied) for d in found] == [
                ("types", "refused", False),
                ("ack_wait_s", "outdated", False),
            ]
            assert "a durable of its own beside it" in found[0].fix
            assert found[0].actual == "dms.events.elk_stats.ServiceCall.>"
    assert await operator.consumer("billing") == before


async def test_a_consumer_that_would_lose_messages_is_reported(
    nats_server: NatsServer, operator: Operator
) -> None:
    await apply_setup(nats_server.url, NatsSetup())
    reads = {"filter_subject": "dms.events.elk_stats.ServiceCall.>"}
    await operator.make_consumer("bounded", **reads, max_deliver=5)
    await operator.make_consumer("unacked", **reads, ack_policy="none")
    await operator.make_consumer("pushed", **reads, deliver_subject="somewhere")
    names = ("bounded", "unacked", "pushed")
    found = await check_setup(nats_server.url, NatsSetup(durables=dict.fromkeys(names, BILLING)))
    assert [(d.place, d.setting, d.actual, d.state) for d in found] == [
        ("durable bounded", "max_deliver", "5", "changed"),
        ("durable unacked", "ack_policy", "none", "refused"),
        ("durable pushed", "deliver_subject", "somewhere", "refused"),
    ]


async def test_a_consumer_that_would_lose_messages_is_not_subscribed_to(
    nats_server: NatsServer, operator: Operator
) -> None:
    reads = {"filter_subject": "dms.events.elk_stats.ServiceCall.>"}
    async with dms_events.connect(nats_server.url) as bus:
        await operator.make_consumer("bounded", **reads, max_deliver=5)
        await operator.make_consumer("unacked", **reads, ack_policy="none")
        await operator.make_consumer("pushed", **reads, deliver_subject="somewhere")
        for name, setting in (
            ("bounded", "max_deliver 5"),
            ("unacked", "ack_policy 'none'"),
            ("pushed", "deliver_subject 'somewhere'"),
        ):
            with pytest.raises(ConfigError, match=f"{name!r} exists with {setting}"):
                await entered(bus.subscribe(ServiceCall, durable=name))
        await operator.make_consumer("fine", **reads, ack_wait=7 * S)
        await bus.publish(call(1))
        async with bus.subscribe(ServiceCall, durable="fine", ack_wait_s=60) as messages:
            assert (await anext(messages)).event == call(1)
        assert (await operator.consumer("fine"))["ack_wait"] == 7 * S


async def test_what_the_bus_made_is_ours_to_change(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with (
        dms_events.connect(nats_server.url, max_bytes=1_000_000) as bus,
        bus.subscribe(ServiceCall, durable="billing", ack_wait_s=20),
    ):
        pass
    setup = NatsSetup(
        events=EventsSetup(max_bytes=2_000_000),
        durables={"billing": replace(BILLING, ack_wait_s=30)},
    )
    found = await apply_setup(nats_server.url, setup)
    assert [(d.setting, d.actual, d.state, d.applied) for d in found] == [
        ("max_bytes", "1000000", "outdated", True),
        ("ack_wait_s", "20", "outdated", True),
    ]
    async with dms_events.connect(nats_server.url, max_bytes=7):
        assert (await operator.stream())["max_bytes"] == 2_000_000, "a bus leaves what is there"


async def test_readers_go_on_while_their_durable_is_updated(nats_server: NatsServer) -> None:
    def waiting(seconds: float) -> NatsSetup:
        return NatsSetup(durables={"billing": replace(BILLING, ack_wait_s=seconds)})

    async with dms_events.connect(nats_server.url) as bus:
        await apply_setup(nats_server.url, waiting(60))
        async with bus.subscribe(ServiceCall, durable="billing", prefetch=50) as messages:
            numbers = []
            for number in range(600):
                await bus.publish(call(number))
                if number % 60 == 30:
                    await apply_setup(nats_server.url, waiting(60 + number))
                message = await anext(messages)
                assert message.attempt == 1
                numbers.append(message.event.call_id)
                await message.ack()
            assert await messages.batch(1, 0.3) == []
    assert numbers == [float(n) for n in range(600)]


async def test_of_two_versions_that_start_at_once_one_gets_the_name(
    nats_server: NatsServer, operator: Operator
) -> None:
    async with (
        dms_events.connect(nats_server.url) as one,
        dms_events.connect(nats_server.url) as other,
    ):
        for number in range(20):
            name = f"billing-{number}"
            started = await asyncio.gather(
                entered(one.subscribe(ServiceCall, durable=name)),
                entered(other.subscribe(ServiceCall, NtxPayment, durable=name)),
                return_exceptions=True,
            )
            [refused] = [error for error in started if error is not None]
            assert isinstance(refused, ConfigError)
            filters = (await operator.consumer(name))["filter_subjects"]
            assert len(filters) == (1 if started[0] is None else 2)
