"""The figures of the report against counts made here in Python."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from dms_events.report.charts import status_colours
from dms_events.report.colours import FAILED, SUCCESS
from dms_events.report.queries import TypeRow, span_of
from dms_events.types.elk_stats import (
    NewDeviceOnboarded,
    NewService,
    NtxPayment,
    ServiceCall,
    ServiceRemove,
    ServiceStatus,
)
from tests.kit.report import START, Event, Page, call, onboarded, payment, report, service, status

T = TypeVar("T")


@pytest.fixture(scope="module")
def events() -> list[Event]:
    rng = random.Random(7)
    moments = iter(sorted(rng.uniform(0, 5 * 86400) for _ in range(600)))
    found: list[Event] = []
    while (moment := next(moments, None)) is not None:
        n = len(found)
        event: msgspec.Struct = rng.choice(
            [
                onboarded(f"peer-{rng.randrange(30)}", rng.choice([2400, 3000.5]), 2048.0 * n),
                service(f"service-{rng.randrange(14)}", f"Name {n}"),
                call(n, service=f"service-{rng.randrange(16)}", host=f"peer-{n % 3}"),
                status(rng.randrange(n + 1), rng.choice(["running", "success", "failed"])),
                payment(rng.randrange(90), rng.choice(["success", "success", "fail", ""])),
                ServiceRemove(service_id=f"service-{rng.randrange(14)}", timestamp=0),
            ]
        )
        if isinstance(event, ServiceStatus) and isinstance(
            about := found[int(event.call_id)][1] if event.call_id < n else None, ServiceCall
        ):
            event = msgspec.structs.replace(
                event,
                service_id=about.service_id,
                peer_id_of_service_host=about.peer_id_of_service_host,
            )
        found.append((START + timedelta(seconds=moment), event))
    return found


@pytest.fixture(scope="module")
def page(events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Page:
    shuffled = random.Random(1).sample(events, len(events))
    return report(tmp_path_factory.mktemp("report"), shuffled)


def of(kind: type[T], events: list[Event]) -> list[T]:
    return [event for _, event in events if isinstance(event, kind)]


def test_the_tiles_count_what_happened(page: Page, events: list[Event]) -> None:
    paid = [p.amount_of_ntx for p in of(NtxPayment, events) if p.success_fail_status == "success"]
    registered = {s.service_id for s in of(NewService, events)}
    removed = registered & {s.service_id for s in of(ServiceRemove, events)}
    assert page.tile("Events") == f"{len(events):,}"
    assert page.tile("Devices") == f"{len({d.peer_id for d in of(NewDeviceOnboarded, events)}):,}"
    assert page.tile("Services") == f"{len(registered)}"
    assert f"registered, {len(removed)} removed" in page.texts
    assert page.tile("Service calls") == f"{len(of(ServiceCall, events)):,}"
    assert page.tile("NTX paid") == f"{sum(paid):,}"
    payments = len(of(NtxPayment, events))
    assert f"{payments - len(paid):,} of {payments:,} payments failed" in page.texts


def test_the_table_has_every_type(page: Page, events: list[Event]) -> None:
    for name, count in Counter(type(event).__name__ for _, event in events).items():
        assert page.tile(f"elk_stats.{name}") == f"{count:,}"


def test_the_lines_end_at_what_each_device_offered_last(page: Page, events: list[Event]) -> None:
    last = {device.peer_id: device for device in of(NewDeviceOnboarded, events)}
    devices, cpu, ram = (
        page.drawn(f"{what} onboarded")[-1]["value"] for what in ("Devices", "CPU", "Memory")
    )
    assert devices == len(last)
    assert cpu == pytest.approx(sum(device.cpu for device in last.values()) / 1000)
    assert ram == pytest.approx(sum(device.ram for device in last.values()) / 1024)


def test_the_line_of_devices_is_right_at_every_point(page: Page, events: list[Event]) -> None:
    for point in page.drawn("Devices onboarded"):
        until = datetime.fromtimestamp(point["start"] / 1000, UTC)
        seen = of(NewDeviceOnboarded, [event for event in events if event[0] < until])
        assert point["value"] == len({device.peer_id for device in seen})


def test_bars_show_each_call_once_under_its_last_status(page: Page, events: list[Event]) -> None:
    last: dict[float, str] = {}
    for event in (event for _, event in events):
        if isinstance(event, ServiceCall) or (
            isinstance(event, ServiceStatus) and event.call_id in last
        ):
            last[event.call_id] = event.status
    drawn: Counter[str] = Counter()
    for bar in page.drawn("Service calls by status"):
        drawn[bar["series"]] += bar["amount"]
        began = (
            time
            for time, event in events
            if isinstance(event, ServiceCall)
            and last[event.call_id] == bar["series"]
            and bar["start"] <= time.timestamp() * 1000 < bar["end"]
        )
        assert bar["amount"] == len(list(began))
    assert drawn == Counter(last.values())
    assert len(drawn) == 4


def test_failed_payments_hang_below_the_line(page: Page, events: list[Event]) -> None:
    sums: Counter[str] = Counter()
    for bar in page.drawn("NTX paid"):
        sums[bar["series"]] += bar["amount"]
        assert (bar["top"] < 0) is (bar["series"] == "failed" and bar["amount"] > 0)
    expected: Counter[str] = Counter()
    for paid in of(NtxPayment, events):
        success = paid.success_fail_status == "success"
        expected["paid" if success else "failed"] += paid.amount_of_ntx
    assert sums == expected


def test_the_most_called_services_are_named(page: Page, events: list[Event]) -> None:
    names = {s.service_id: s.service_name for s in of(NewService, events)}
    calls = Counter(c.service_id for c in of(ServiceCall, events))
    ranked = sorted(calls.items(), key=lambda item: (-item[1], item[0]))[:10]
    bars = [(bar["label"], bar["value"]) for bar in page.drawn("Most called services")]
    assert bars == [(names.get(id, id), count) for id, count in ranked]


def test_reports_at_one_moment_follow_the_order_in_which_they_were_stored(tmp_path: Path) -> None:
    same = [call(1), status(1, "running"), status(1, "success"), status(2, "failed"), call(2)]
    page = report(tmp_path, [(START, event) for event in same])
    assert [(bar["series"], bar["amount"]) for bar in page.drawn("Service calls by status")] == [
        ("success", 1),
        ("failed", 1),
    ]


def test_services_of_one_name_stay_apart(tmp_path: Path) -> None:
    named = [service("a", "Render"), service("b", "Render"), call(1, service="a")]
    page = report(tmp_path, [(START, event) for event in [*named, call(2, service="b")]])
    assert [bar["label"] for bar in page.drawn("Most called services")] == ["a", "b"]


def test_many_statuses_are_drawn_as_the_usual_ones_and_others(tmp_path: Path) -> None:
    counts = {f"odd {n}": 1 for n in range(20)} | {"success": 9, "": 5, "failed": 4}
    calls = [status for status, count in counts.items() for _ in range(count)]
    page = report(tmp_path, [(START, call(n, status)) for n, status in enumerate(calls)])
    drawn = {bar["series"]: bar["amount"] for bar in page.drawn("Service calls by status")}
    assert len(drawn) == 8
    assert drawn["(no status)"] == 5
    assert drawn["other statuses"] == 20 - 4
    assert sum(drawn.values()) == len(calls)


def test_a_status_keeps_its_colour() -> None:
    assert status_colours(["failed", "success"]) == {"success": SUCCESS, "failed": FAILED}
    crowd = status_colours(["failed", "finished with errors", "Success", "success", "x", "y", "z"])
    assert crowd["success"] == SUCCESS
    assert crowd["failed"] == FAILED
    assert len(set(crowd.values())) == len(crowd)
    assert status_colours(["x"])["x"] == status_colours(["x", "accepted"])["x"]


@pytest.mark.parametrize("seconds", [0, 59, 3 * 3600, 86400, 10 * 86400, 60 * 86400, 10**8])
def test_any_span_is_cut_into_a_legible_number_of_bars(seconds: int) -> None:
    first = int(START.timestamp())
    span = span_of([TypeRow("a", 1, first, first), TypeRow("b", 1, first, first + seconds)])
    assert span.start <= first < span.start + span.step
    assert span.end - span.step <= first + seconds < span.end
    assert (span.end - span.start) % span.step == 0
    assert (span.end - span.start) // span.step <= 86


def test_weeks_begin_on_monday() -> None:
    first = int(START.timestamp())
    span = span_of([TypeRow("a", 1, first, first + 500 * 86400)])
    assert datetime.fromtimestamp(span.start, UTC).strftime("%a %H:%M") == "Mon 00:00"
