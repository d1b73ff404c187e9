from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from random import Random
from typing import Any

import pytest

from dms_events import codec
from dms_events.demo.fleet import Planned, fleet
from dms_events.demo.peers import base58, peer_id
from dms_events.errors import ConfigError
from dms_events.types import elk_stats
from dms_events.types.elk_stats import (
    DeviceResourceChange,
    DeviceResourceConfig,
    DeviceStatusChange,
    NewDeviceOnboarded,
    NewService,
    NtxPayment,
    ResourceValues,
    ServiceCall,
    ServiceRemove,
    ServiceStatus,
)

END = datetime(2026, 3, 5, 12, 30, tzinfo=UTC)
DONE = ("finished without errors", "finished with errors")
EVENT_TYPES = {
    getattr(elk_stats, name) for name in elk_stats.__all__ if name != ResourceValues.__name__
}


@pytest.fixture(
    scope="module",
    params=[(200, 20_000, 1, 10), (5, 200, 2, 10), (3, 5_000, 3, 2), (40, 4_000, 4, 0.1)],
    ids=lambda p: f"{p[0]} devices, {p[1]} events",
)
def plan(request: pytest.FixtureRequest) -> list[Planned]:
    devices, events, seed, days = request.param
    return list(fleet(devices=devices, events=events, seed=seed, end=END, days=days))


def of_type(plan: list[Planned], *types: type) -> Iterator[tuple[Planned, Any]]:
    return ((planned, planned.event) for planned in plan if isinstance(planned.event, types))


def test_the_same_seed_gives_the_same_fleet_and_another_seed_another() -> None:
    def first(seed: int) -> list[Planned]:
        return list(fleet(devices=20, events=1_000, seed=seed, end=END))

    assert first(7) == first(7)
    assert first(7) != first(8)


@pytest.mark.parametrize(
    ("devices", "events"),
    [(1, 1), (1, 2), (1, 60), (3, 3), (4, 5), (50, 60), (200, 1_000), (1, 3_000), (300, 10_000)],
)
@pytest.mark.parametrize("days", [0.001, 0.3, 10, 400])
def test_there_are_exactly_as_many_events_and_devices_as_asked_for(
    devices: int, events: int, days: float
) -> None:
    plan = list(fleet(devices=devices, events=events, seed=devices + events, end=END, days=days))

    assert len(plan) == events
    assert len({event.peer_id for _, event in of_type(plan, NewDeviceOnboarded)}) == devices
    assert END - timedelta(days=days) <= plan[0].time
    assert END - timedelta(seconds=5) < plan[-1].time < END


def test_events_come_in_time_order_and_carry_their_time(plan: list[Planned]) -> None:
    assert all(a.time <= b.time for a, b in pairwise(plan))
    for planned in plan:
        assert planned.time.tzinfo is UTC
        assert getattr(planned.event, "timestamp") == planned.time.timestamp()  # noqa: B009


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("devices", "events"), [(200, 20_000), (5, 200)])
def test_all_nine_types_occur(devices: int, events: int, seed: int) -> None:
    plan = fleet(devices=devices, events=events, seed=seed, end=END)

    assert {type(planned.event) for planned in plan} == EVENT_TYPES
    assert len(EVENT_TYPES) == 9


def test_every_event_goes_through_the_codec_unchanged(plan: list[Planned]) -> None:
    for planned in plan:
        data = codec.encode(planned.event)
        assert codec.decode(data, type(planned.event), strict=True) == planned.event


def test_a_node_reports_only_while_it_is_online(plan: list[Planned]) -> None:
    online: set[str] = set()
    for planned in plan:
        match planned.event:
            case NewDeviceOnboarded(peer_id=peer):
                assert peer not in online
                online.add(peer)
            case DeviceStatusChange(peer_id=peer, status="online"):
                assert peer not in online
                online.add(peer)
            case DeviceStatusChange(peer_id=peer, status=status):
                assert status == "offline"
                online.remove(peer)
                continue
        assert planned.source in online


def test_hosts_have_the_resources_for_all_that_runs_on_them(plan: list[Planned]) -> None:
    offers: dict[str, tuple[float, float, float]] = {}
    running: dict[str, dict[float, ServiceCall]] = defaultdict(dict)
    for planned in plan:
        match planned.event:
            case NewDeviceOnboarded() as event:
                offers[event.peer_id] = event.cpu, event.ram, event.network
            case DeviceResourceConfig() | DeviceResourceChange() as event:
                values = event.changed_attribute_and_value
                offers[event.peer_id] = values.cpu, values.ram, values.network
            case ServiceCall() as call:
                assert planned.source == call.peer_id_of_service_host
                running[planned.source][call.call_id] = call
                assert 0 < call.memory_used <= call.max_ram
                assert 0 < call.network_bw_used <= offers[planned.source][2]
            case ServiceStatus() as event if event.status in DONE:
                del running[planned.source][event.call_id]
        jobs = running[planned.source].values()
        assert sum(job.cpu_used for job in jobs) <= offers[planned.source][0]
        assert sum(job.max_ram for job in jobs) <= offers[planned.source][1]


def test_call_ids_are_unique_and_exact_in_float32(plan: list[Planned]) -> None:
    ids = [call.call_id for _, call in of_type(plan, ServiceCall)]

    assert len(set(ids)) == len(ids)
    assert all(id.is_integer() and 0 <= id < 2**24 for id in ids)


def test_call_ids_stay_below_2_to_the_24_when_they_begin_near_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Random, "getrandbits", lambda self, bits: 2**bits - 3)
    calls = islice(of_type(list(fleet(devices=5, events=200, seed=1, end=END)), ServiceCall), 9)

    assert {call.call_id for _, call in calls} >= {2**24 - 1, 0, 1}


def test_statuses_follow_their_call_and_end_when_its_time_is_taken(plan: list[Planned]) -> None:
    calls: dict[float, ServiceCall] = {}
    statuses: dict[float, list[ServiceStatus]] = defaultdict(list)
    for _, event in of_type(plan, ServiceCall, ServiceStatus):
        if isinstance(event, ServiceCall):
            assert event.status == "accepted"
            calls[event.call_id] = event
        else:
            call = calls[event.call_id]
            assert event.peer_id_of_service_host == call.peer_id_of_service_host
            assert event.service_id == call.service_id
            statuses[event.call_id].append(event)
    for call_id, seen in statuses.items():
        assert [status.status for status in seen] in (["running"], *(["running", d] for d in DONE))
        if len(seen) == 2:
            took = seen[1].timestamp - seen[0].timestamp
            assert took == pytest.approx(calls[call_id].time_taken, abs=0.01)


def test_jobs_without_errors_are_paid_once_and_as_agreed(plan: list[Planned]) -> None:
    calls: dict[float, ServiceCall] = {}
    finished: dict[float, str] = {}
    paid: set[float] = set()
    for planned, event in of_type(plan, ServiceCall, ServiceStatus, NtxPayment):
        match event:
            case ServiceCall():
                calls[event.call_id] = event
            case ServiceStatus():
                finished[event.call_id] = event.status
            case NtxPayment():
                call = calls[event.call_id]
                assert finished[event.call_id] == "finished without errors"
                assert event.call_id not in paid
                assert event.amount_of_ntx == call.amount_of_ntx > 0
                assert event.service_id == call.service_id
                assert event.peer_id == planned.source == call.peer_id_of_service_host
                assert event.success_fail_status in ("success", "fail")
                paid.add(event.call_id)
    assert paid


def test_services_are_called_only_between_registration_and_removal(plan: list[Planned]) -> None:
    known: set[str] = set()
    removed: set[str] = set()
    for _, event in of_type(plan, NewService, ServiceCall, ServiceStatus, ServiceRemove):
        match event:
            case NewService():
                assert event.service_id not in known | removed
                assert event.service_name
                assert event.service_description
                known.add(event.service_id)
            case ServiceRemove():
                known.remove(event.service_id)
                removed.add(event.service_id)
            case _:
                assert event.service_id in known


def test_days_are_busier_than_nights_and_some_services_than_others() -> None:
    plan = list(fleet(devices=200, events=20_000, seed=1, end=END))
    hours: dict[int, int] = defaultdict(int)
    services: dict[str, int] = defaultdict(int)
    for planned, call in of_type(plan, ServiceCall):
        hours[planned.time.hour] += 1
        services[call.service_id] += 1

    assert sum(hours[h] for h in range(13, 17)) > 2 * sum(hours[h] for h in range(1, 5))
    assert max(services.values()) > 4 * sorted(services.values())[len(services) // 2]


def test_what_takes_more_cpu_for_longer_costs_more() -> None:
    calls = [call for _, call in of_type(list(fleet(devices=50, events=5_000, seed=1, end=END)),
                                         ServiceCall)]  # fmt: skip
    calls.sort(key=lambda call: call.cpu_used * call.time_taken)
    third = len(calls) // 3

    def earned(some: list[Any]) -> int:
        return sum(call.amount_of_ntx for call in some)

    assert earned(calls[:third]) < earned(calls[third:-third]) < earned(calls[-third:])


def test_events_spread_evenly_over_the_days() -> None:
    per_day: dict[int, int] = defaultdict(int)
    for planned in fleet(devices=200, events=20_000, seed=5, end=END):
        per_day[(END - planned.time).days] += 1

    assert len(per_day) == 10
    assert all(1_400 < count < 2_600 for count in per_day.values())


def test_the_fleet_is_an_iterator_that_can_be_left_early() -> None:
    plan = fleet(devices=10, events=10_000_000, seed=1, end=END)

    assert len(list(islice(plan, 100))) == 100


def test_peer_ids_are_those_of_ed25519_keys() -> None:
    peer = peer_id(Random(1))

    assert len(peer) == 52
    assert peer.startswith("12D3KooW")
    # Examples of the base58 draft, and the peer id of an all-zero key.
    assert base58(b"Hello World!") == "2NEpo7TZRRrLZSi2U"
    assert base58(bytes.fromhex("0000287fb4cd")) == "11233QC4"
    assert base58(bytes.fromhex("002408011220") + bytes(32)) == (
        "12D3KooW9pNAk8aiBuGVQtWRdbkLmo5qVL3e2h5UxbN2Nz9ttwiw"
    )


@pytest.mark.parametrize(
    ("setting", "given"),
    [
        ("devices", {"devices": 0}),
        ("devices", {"devices": -3}),
        ("events", {"events": 9}),
        ("events", {"events": 2**24 + 1}),
        ("days", {"days": 0}),
        ("days", {"days": -1}),
        ("days", {"days": float("nan")}),
        ("days", {"days": float("inf")}),
        ("end", {"end": datetime(2026, 3, 5)}),  # noqa: DTZ001
    ],
)
def test_impossible_sizes_are_refused_at_once_by_name(setting: str, given: dict[str, Any]) -> None:
    sizes: dict[str, Any] = {"devices": 10, "events": 100, "seed": 1, "end": END, **given}

    with pytest.raises(ConfigError) as caught:
        fleet(**sizes)
    assert caught.value.setting == setting
