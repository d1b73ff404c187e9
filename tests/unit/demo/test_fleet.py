from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

import pytest

from dms_events.demo.fleet import Planned, fleet
from dms_events.demo.peers import base58, peer_id
from dms_events.errors import ConfigError
from dms_events.types import elk_stats
from dms_events.types.elk_stats import (
    NewDeviceOnboarded,
    ResourceValues,
    ServiceCall,
)

END = datetime(2026, 3, 5, 12, 30, tzinfo=UTC)
EVENT_TYPES = {
    getattr(elk_stats, name) for name in elk_stats.__all__ if name != ResourceValues.__name__
}


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


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("devices", "events"), [(200, 20_000), (5, 200)])
def test_all_nine_types_occur(devices: int, events: int, seed: int) -> None:
    plan = fleet(devices=devices, events=events, seed=seed, end=END)

    assert {type(planned.event) for planned in plan} == EVENT_TYPES
    assert len(EVENT_TYPES) == 9


def test_call_ids_stay_below_2_to_the_24_when_they_begin_near_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = Random.getrandbits
    monkeypatch.setattr(
        Random, "getrandbits", lambda self, bits: 2**24 - 3 if bits == 24 else draw(self, bits)
    )
    calls = islice(of_type(list(fleet(devices=5, events=200, seed=1, end=END)), ServiceCall), 9)

    assert {call.call_id for _, call in calls} >= {2**24 - 1, 0, 1}


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
    plan = list(fleet(devices=50, events=5_000, seed=1, end=END))
    calls = [call for _, call in of_type(plan, ServiceCall)]
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
        ("end", {"end": datetime(2026, 3, 5)}),
    ],
)
def test_impossible_sizes_are_refused_at_once_by_name(setting: str, given: dict[str, Any]) -> None:
    sizes: dict[str, Any] = {"devices": 10, "events": 100, "seed": 1, "end": END, **given}

    with pytest.raises(ConfigError) as caught:
        fleet(**sizes)
    assert caught.value.setting == setting
