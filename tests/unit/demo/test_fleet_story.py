from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from dms_events import codec
from dms_events.demo.fleet import Planned, fleet
from dms_events.types.elk_stats import (
    DeviceResourceChange,
    DeviceResourceConfig,
    DeviceStatusChange,
    NewDeviceOnboarded,
    NewService,
    NtxPayment,
    ServiceCall,
    ServiceRemove,
    ServiceStatus,
)

END = datetime(2026, 3, 5, 12, 30, tzinfo=UTC)
DONE = ("finished without errors", "finished with errors")


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


def test_events_come_in_time_order_and_carry_their_time(plan: list[Planned]) -> None:
    assert all(a.time <= b.time for a, b in pairwise(plan))
    for planned in plan:
        assert planned.time.tzinfo is UTC
        assert getattr(planned.event, "timestamp") == planned.time.timestamp()  # noqa: B009


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
