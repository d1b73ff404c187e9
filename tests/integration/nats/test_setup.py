"""Streams and durables are brought to what is declared; what somebody else changed stays."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from dms_events import ConnectionLostError
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
from tests.kit.servers.operator import Operator, plain

OVERWRITE = partial(apply_setup, overwrite=True)
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
    return [(d.place, d.setting, d.declared, d.actual, d.state, d.applied) for d in found]


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
    assert (everything["deliver_policy"], everything["ack_wait"]) == ("all", 40 * S)


async def test_applying_again_changes_nothing(nats_server: NatsServer, operator: Operator) -> None:
    await apply_setup(nats_server.url, FULL)
    before = [await operator.stream(), await operator.consumer("billing")]
    assert await check_setup(nats_server.url, FULL) == []
    assert await apply_setup(nats_server.url, FULL) == []
    assert [await operator.stream(), await operator.consumer("billing")] == before


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
    assert [(d.state, d.applied) for d in found] == [("changed", True)]
    assert (await operator.stream())["max_bytes"] == 2_000_000
    assert await check_setup(nats_server.url, bounded(2_000_000)) == []


async def test_an_operators_change_does_not_hold_up_the_other_settings(
    nats_server: NatsServer, operator: Operator
) -> None:
    await apply_setup(nats_server.url, bounded(1_000_000, max_messages=100))
    await operator.change_stream(max_bytes=5_000_000)
    found = await apply_setup(nats_server.url, bounded(1_000_000, max_messages=200))
    assert [(d.setting, d.state, d.applied) for d in found] == [
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
    assert (found.state, found.applied) == ("outdated", True)


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
    assert found_bytes.applied, "it was as declared once, and is ours since"


@pytest.mark.parametrize("record", ["", "no JSON", "[]", '{"max_bytes":"2"}'])
async def test_where_the_record_cannot_be_read_nothing_is_ours(
    nats_server: NatsServer, operator: Operator, record: str
) -> None:
    await apply_setup(nats_server.url, bounded(1_000_000))
    await operator.change_stream(metadata={RECORD: record})
    for ask in (check_setup, apply_setup):
        [found] = await ask(nats_server.url, bounded(2_000_000))
        assert (found.state, found.applied) == ("changed", False)
    await apply_setup(nats_server.url, bounded(2_000_000), overwrite=True)
    [found] = await apply_setup(nats_server.url, bounded(3_000_000))
    assert (found.state, found.applied) == ("outdated", True)


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
    for ask in (check_setup, apply_setup, OVERWRITE):
        found = await ask(nats_server.url, other)
        refused = {d.setting: d for d in found if d.state == "refused"}
        assert set(refused) == {"storage", "start"}
        assert "under another root" in refused["storage"].fix
        assert "leave it out" in refused["start"].fix
        assert not any(d.applied for d in found), "nor the rest of what has something refused"
    assert [await operator.stream(), await operator.consumer("billing")] == before


async def test_without_a_server_it_is_said_so() -> None:
    with pytest.raises(ConnectionLostError, match="no NATS server answers"):
        await check_setup("nats://127.0.0.1:1", NatsSetup())
