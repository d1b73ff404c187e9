"""Streams and durables are brought to what is declared; what somebody else changed stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace

import dms_events
from dms_events import ConfigError, ConnectionLostError, Subscription
from dms_events.types.elk_stats import NtxPayment, ServiceCall
from dms_events_nats import (
    Difference,
    DurableSetup,
    EventsSetup,
    NatsServer,
    NatsSetup,
    StreamSetup,
    apply_setup,
    check_setup,
)
from tests.kit.operator import Operator, at
from tests.kit.storing import call

RECORD = "dms-events.applied"
S = 10**9
BILLING = DurableSetup(types=("elk_stats.ServiceCall",))
FULL = NatsSetup(
    events=EventsSetup(
        storage="memory",
        replicas=1,
        max_messages=1000,
        max_bytes=2_000_000,
        max_age_s=3600.5,
        duplicate_window_s=30,
        partitions=4,
    ),
    dead=StreamSetup(max_bytes=0),
    durables={
        "billing": DurableSetup(types=("ServiceCall", "NtxPayment"), ack_wait_s=7.5, start="new"),
        "all": DurableSetup(types=("*", "elk_stats.*", "ServiceCall")),
    },
)


def bounded(max_bytes: int | None, **more: Any) -> NatsSetup:
    return NatsSetup(events=EventsSetup(max_bytes=max_bytes, **more))


def told(found: list[Difference]) -> list[tuple[str, str, str, str, str, bool]]:
    return [(d.place, d.setting, d.declared, d.actual, d.state, d.mended) for d in found]


def plain(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without what is written about it."""
    return {key: value for key, value in config.items() if key != "metadata"}


@pytest_asyncio.fixture
async def operator(nats_server: NatsServer) -> AsyncIterator[Operator]:
    async with at(nats_server.url) as operator:
        yield operator


async def test_what_is_missing_is_made_as_it_is_declared(
    nats_server: NatsServer, operator: Operator
) -> None:
    missing = [
        (place, "", "", "", "missing")
        for place in ("stream DMS_EVENTS", "stream DMS_DEAD", "durable billing", "durable all")
    ]
    found = await check_setup(nats_server.url, FULL)
    assert told(found) == [(*one, False) for one in missing]
    assert (await operator.api("STREAM.NAMES"))["total"] == 0, "a check makes nothing"
    assert told(await apply_setup(nats_server.url, FULL)) == [(*one, True) for one in missing]

    stream = await operator.stream()
    assert (
        stream.items()
        >= {
            "subjects": ["dms.events.>"],
            "retention": "limits",
            "discard": "new",
            "storage": "memory",
            "num_replicas": 1,
            "max_msgs": 1000,
            "max_bytes": 2_000_000,
            "max_age": 3600_500_000_000,
            "duplicate_window": 30 * S,
        }.items()
    )
    dead = await operator.stream("DMS_DEAD")
    assert (
        dead.items()
        >= {
            "subjects": ["dms.dead.>"],
            "discard": "new",
            "storage": "file",
            "max_bytes": -1,
            "duplicate_window": 120 * S,
        }.items()
    )
    consumer = await operator.consumer("billing")
    assert (
        consumer.items()
        >= {
            "filter_subjects": [
                "dms.events.elk_stats.NtxPayment.>",
                "dms.events.elk_stats.ServiceCall.>",
            ],
            "deliver_policy": "new",
            "ack_policy": "explicit",
            "ack_wait": 7_500_000_000,
            "max_deliver": -1,
            "max_ack_pending": 100_000,
        }.items()
    )
    everything = await operator.consumer("all")
    assert everything["filter_subjects"] == ["dms.events.>"]
    assert (everything["deliver_policy"], everything["ack_wait"]) == ("all", 60 * S)


async def test_applying_again_changes_nothing(nats_server: NatsServer, operator: Operator) -> None:
    await apply_setup(nats_server.url, FULL)
    before = [await operator.stream(), await operator.consumer("billing")]
    assert await check_setup(nats_server.url, FULL) == []
    assert await apply_setup(nats_server.url, FULL) == []
    assert [await operator.stream(), await operator.consumer("billing")] == before


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


async def test_what_is_declared_anew_is_updated(
    nats_server: NatsServer, operator: Operator
) -> None:
    await apply_setup(nats_server.url, bounded(1_000_000, max_age_s=3600))
    before = await operator.stream()
    anew = bounded(2_000_000, max_age_s=0)
    both = [
        ("stream DMS_EVENTS", "max_bytes", "2000000", "1000000", "outdated"),
        ("stream DMS_EVENTS", "max_age_s", "0", "3600", "outdated"),
    ]
    assert told(await check_setup(nats_server.url, anew)) == [(*one, False) for one in both]
    assert await operator.stream() == before, "a check changes nothing"
    assert told(await apply_setup(nats_server.url, anew)) == [(*one, True) for one in both]
    after = plain(before) | {"max_bytes": 2_000_000, "max_age": 0}
    assert plain(await operator.stream()) == after
    assert await check_setup(nats_server.url, anew) == []


async def test_what_an_operator_changed_is_reported_and_left(
    nats_server: NatsServer, operator: Operator
) -> None:
    await apply_setup(nats_server.url, bounded(1_000_000))
    await operator.change_stream(max_bytes=5_000_000)
    for declared in (1_000_000, 2_000_000):
        left = ("stream DMS_EVENTS", "max_bytes", str(declared), "5000000", "changed", False)
        for ask in (check_setup, apply_setup):
            assert told(await ask(nats_server.url, bounded(declared))) == [left]
            assert (await operator.stream())["max_bytes"] == 5_000_000
    found = await apply_setup(nats_server.url, bounded(2_000_000), overwrite=True)
    assert [(d.state, d.mended) for d in found] == [("changed", True)]
    assert (await operator.stream())["max_bytes"] == 2_000_000
    assert await check_setup(nats_server.url, bounded(2_000_000)) == []


async def test_an_operators_change_does_not_hold_up_the_other_settings(
    nats_server: NatsServer, operator: Operator
) -> None:
    await apply_setup(nats_server.url, bounded(1_000_000, max_messages=100))
    await operator.change_stream(max_bytes=5_000_000)
    found = await apply_setup(nats_server.url, bounded(1_000_000, max_messages=200))
    assert [(d.setting, d.state, d.mended) for d in found] == [
        ("max_messages", "outdated", True),
        ("max_bytes", "changed", False),
    ]
    stream = await operator.stream()
    assert (stream["max_bytes"], stream["max_msgs"]) == (5_000_000, 200)


async def test_an_operators_change_that_is_then_declared_is_ours_from_there_on(
    nats_server: NatsServer, operator: Operator
) -> None:
    await apply_setup(nats_server.url, bounded(1_000_000))
    await operator.change_stream(max_bytes=5_000_000)
    assert await check_setup(nats_server.url, bounded(5_000_000)) == []
    assert await apply_setup(nats_server.url, bounded(5_000_000)) == []
    [found] = await apply_setup(nats_server.url, bounded(6_000_000))
    assert (found.state, found.mended) == ("outdated", True)


async def test_what_is_not_declared_is_not_touched(
    nats_server: NatsServer, operator: Operator
) -> None:
    await apply_setup(nats_server.url, bounded(1_000_000, max_age_s=3600))
    await operator.change_stream(
        description="events of the north",
        compression="s2",
        allow_direct=True,
        allow_atomic=True,
        max_age=7200 * S,
        max_msgs=77,
        consumer_limits={"max_ack_pending": 200_000},
        republish={"src": "dms.events.>", "dest": "copy.>"},
        metadata={**(await operator.stream())["metadata"], "owner": "north"},
    )
    before = await operator.stream()
    found = await apply_setup(nats_server.url, bounded(2_000_000), overwrite=True)
    assert [d.setting for d in found] == ["max_bytes"]
    after = await operator.stream()
    assert plain(after) == plain(before) | {"max_bytes": 2_000_000}
    ours = {key for key in after["metadata"] if after["metadata"][key] != before["metadata"][key]}
    assert ours == {RECORD}


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
    assert (found.setting, found.state, found.mended) == ("ack_wait_s", "outdated", True)
    assert plain(await operator.consumer("billing")) == plain(made) | {"ack_wait": 90 * S}


async def test_a_stream_that_somebody_else_made_is_not_ours_to_change(
    nats_server: NatsServer, operator: Operator
) -> None:
    by_hand = {"name": "DMS_EVENTS", "subjects": ["dms.events.>", "old.>"], "discard": "old"}
    await operator.api("STREAM.CREATE.DMS_EVENTS", by_hand)
    found = await apply_setup(nats_server.url, bounded(-1, duplicate_window_s=10))
    assert told(found)[:3] == [
        ("stream DMS_EVENTS", "subjects", "dms.events.>", "dms.events.>, old.>", "changed", False),
        ("stream DMS_EVENTS", "discard", "new", "old", "changed", False),
        ("stream DMS_EVENTS", "duplicate_window_s", "10", "120", "changed", False),
    ]
    assert (await operator.stream()).items() >= by_hand.items()
    [found_bytes] = [
        d
        for d in await apply_setup(nats_server.url, bounded(5_000_000))
        if d.setting == "max_bytes"
    ]
    assert found_bytes.mended, "it was as declared once, and is ours since"


@pytest.mark.parametrize("record", ["", "no JSON", "[]", '{"max_bytes":"2"}'])
async def test_where_the_record_cannot_be_read_nothing_is_ours(
    nats_server: NatsServer, operator: Operator, record: str
) -> None:
    await apply_setup(nats_server.url, bounded(1_000_000))
    await operator.change_stream(metadata={RECORD: record})
    for ask in (check_setup, apply_setup):
        [found] = await ask(nats_server.url, bounded(2_000_000))
        assert (found.state, found.mended) == ("changed", False)
    await apply_setup(nats_server.url, bounded(2_000_000), overwrite=True)
    [found] = await apply_setup(nats_server.url, bounded(3_000_000))
    assert (found.state, found.mended) == ("outdated", True)


async def test_what_the_server_cannot_change_is_refused_with_a_cure(
    nats_server: NatsServer, operator: Operator
) -> None:
    durables = {"billing": replace(BILLING, start="all")}
    await apply_setup(nats_server.url, NatsSetup(durables=durables))
    before = [await operator.stream(), await operator.consumer("billing")]
    other = NatsSetup(
        events=EventsSetup(storage="memory", max_bytes=5_000_000),
        durables={"billing": replace(BILLING, start="new", ack_wait_s=5)},
    )
    for ask in (check_setup, apply_setup, overwriting):
        found = await ask(nats_server.url, other)
        refused = {d.setting: d for d in found if d.state == "refused"}
        assert set(refused) == {"storage", "start"}
        assert "under another root" in refused["storage"].cure
        assert "leave it out" in refused["start"].cure
        assert not any(d.mended for d in found), "nor the rest of what has something refused"
    assert [await operator.stream(), await operator.consumer("billing")] == before


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
        for ask in (check_setup, apply_setup, overwriting):
            found = await ask(nats_server.url, other)
            assert [(d.setting, d.state, d.mended) for d in found] == [
                ("types", "refused", False),
                ("ack_wait_s", "outdated", False),
            ]
            assert "a durable of its own beside it" in found[0].cure
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
    assert [(d.setting, d.actual, d.state, d.mended) for d in found] == [
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


async def entered(subscription: Subscription[Any]) -> None:
    async with subscription:
        pass


async def overwriting(url: str, setup: NatsSetup) -> list[Difference]:
    return await apply_setup(url, setup, overwrite=True)


async def test_without_a_server_it_is_said_so() -> None:
    with pytest.raises(ConnectionLostError, match="no NATS server answers"):
        await check_setup("nats://127.0.0.1:1", NatsSetup())
