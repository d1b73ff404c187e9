"""Service calls: how many, how they end, how long they take and what they use."""

from __future__ import annotations

from typing import Final

from dms_events.types.elk_stats import ServiceCall, ServiceStatus

from ..model import (
    ACCENT,
    BARE,
    CALL,
    NTX,
    QUIET,
    SECOND,
    Chart,
    Count,
    Dashboard,
    Data,
    Format,
    Formula,
    Is,
    Last,
    Not,
    OverTime,
    Percentile,
    Ranking,
    Row,
    Series,
    Stat,
    Table,
    Top,
    events_of,
    field_of,
    newest,
    readable,
)
from .events import (
    CALLS,
    ENDED,
    FAILED,
    FAILURE_LIMITS,
    HOST,
    NTX_AMOUNT,
    PEER_CONTROL,
    SERVICE,
    STATUS,
    colours_of,
    failure_rate,
    opening,
    tile,
    with_status,
)

__all__ = ["dashboard"]

_CPU: Final = field_of(ServiceCall, "cpu_used")
_MEMORY: Final = field_of(ServiceCall, "memory_used")
_TIME_TAKEN: Final = field_of(ServiceCall, "time_taken")
_BOTH: Final = events_of(ServiceCall, ServiceStatus)
_STATUSES: Final = {
    "accepted": "accepted",
    "running": "running",
    "good": "finished without errors",
    "bad": "finished with errors",
}


def dashboard() -> Dashboard:
    """Return the dashboard of the service calls."""
    return Dashboard(
        "service-calls",
        "Service calls",
        "Calls, how they end and how long they take",
        (
            opening(
                "service-calls",
                "A host accepts a call, runs it and reports how it ended. Time and resources are those "
                "of accepted calls, as hosts report them.",
            ),
            _tiles(),
            Row(13, (_by_status(), _by_service())),
            Row(13, (_time_taken(), _resources())),
            Row(13, (_top_services(), _top_hosts(), _most_failures())),
            Row(17, (_services(), _failures())),
            Row(17, (_last_status(),)),
        ),
        (PEER_CONTROL,),
    )


def _tiles() -> Row:
    rate = failure_rate(FAILED, ENDED)
    median, slow = _minutes(50, "Median"), _minutes(95, "95th percentile")
    return Row(
        6,
        (
            tile("Calls accepted", "by hosts", Count("Calls accepted"), CALLS),
            tile("Calls ended", "with or without errors", Count("Calls ended"), ENDED),
            tile("Failure rate", "of calls that ended", rate, ENDED, limits=FAILURE_LIMITS),
            tile("Median time", "half of the calls are faster", median, CALLS),
            tile("95th percentile", "1 call in 20 is slower", slow, CALLS),
            tile("Hosts", "that accepted calls", Stat("distinct", HOST, "Hosts"), CALLS),
        ),
    )


def _minutes(percent: int, label: str, format: Format | None = None) -> Formula:
    return readable(Percentile(percent, _TIME_TAKEN, label), format)


def _by_status() -> Chart:
    return Chart(
        "Calls by status",
        "stacked bars",
        Data(
            _BOTH,
            {"when": OverTime()},
            {
                **{
                    id_: Count(word.capitalize(), with_status(word))
                    for id_, word in _STATUSES.items()
                },
                "other": Count("Other", Not(Is(STATUS, tuple(_STATUSES.values())))),
            },
        ),
        "reports",
        {**colours_of(**_STATUSES), "other": Series(QUIET)},
        description="Each report of a status counts once, at its own time; a call reports several",
    )


def _by_service() -> Chart:
    return Chart(
        "Calls by service",
        "stacked areas",
        Data(
            CALLS,
            {"service": Top(SERVICE, "Service", 6, "calls", other=True), "when": OverTime()},
            {"calls": Count("Calls accepted")},
        ),
        "calls",
    )


def _time_taken() -> Chart:
    return Chart(
        "Time taken",
        "lines",
        Data(
            CALLS,
            {"when": OverTime()},
            {
                "p50": _minutes(50, "Median", BARE),
                "p95": _minutes(95, "95th percentile", BARE),
                "p99": _minutes(99, "99th percentile", BARE),
            },
        ),
        "minutes",
        {"p50": Series(ACCENT), "p95": Series(SECOND), "p99": Series(QUIET)},
    )


def _resources() -> Chart:
    cpu = Stat("average", _CPU, "CPU, average")
    memory = Stat("average", _MEMORY, "Memory, average")
    return Chart(
        "Resources used by a call",
        "lines",
        Data(
            CALLS,
            {"when": OverTime()},
            {
                "cpu": readable(cpu, BARE),
                "memory": readable(memory),
            },
        ),
        "CPU, GHz",
        {"cpu": Series(ACCENT), "memory": Series(SECOND, right=True)},
        "memory",
    )


def _top_services() -> Ranking:
    return Ranking(
        "Top services",
        Data(CALLS, {"service": Top(SERVICE, "Service", 8, "calls")}, {"calls": Count("Calls")}),
        ACCENT,
    )


def _top_hosts() -> Ranking:
    return Ranking(
        "Top hosts",
        Data(CALLS, {"host": Top(HOST, "Host", 8, "calls")}, {"calls": Count("Calls")}),
        ACCENT,
    )


def _most_failures() -> Ranking:
    return Ranking(
        "Services with most failures",
        Data(FAILED, {"service": Top(SERVICE, "Service", 8, "calls")}, {"calls": Count("Failed")}),
        colours_of(failed="finished with errors")["failed"].colour,
    )


def _services() -> Table:
    return Table(
        "Services",
        Data(
            _BOTH,
            {"service": Top(SERVICE, "Service", 50, "calls")},
            {
                "calls": Count("Calls", CALLS),
                "failed": Count("Failed", FAILED),
                "rate": failure_rate(FAILED, ENDED),
                "p50": _minutes(50, "Median"),
                "p95": _minutes(95, "95th"),
                "ntx": Stat("sum", NTX_AMOUNT, "Price", NTX, CALLS),
            },
        ),
        "calls",
        {"service": 220},
        {"rate": FAILURE_LIMITS},
    )


def _failures() -> Table:
    return Table(
        "Latest failures",
        Data(
            FAILED,
            {"call": Top(CALL, "Call", 50, "when")},
            {
                "when": newest("Failed at"),
                "service": Last(SERVICE, "Service", FAILED),
                "host": Last(HOST, "Host", FAILED),
            },
        ),
        "when",
        {"call": 100, "when": 180, "host": 120},
    )


def _last_status() -> Table:
    return Table(
        "Calls",
        Data(
            _BOTH,
            {"call": Top(CALL, "Call", 100, "when")},
            {
                "status": Last(STATUS, "Last status", _BOTH),
                "when": newest("Since"),
                "service": Last(SERVICE, "Service", _BOTH),
                "host": Last(HOST, "Host", _BOTH),
                "cpu": Last(_CPU, "CPU used", CALLS),
                "memory": Last(_MEMORY, "Memory used", CALLS),
                "time": Last(_TIME_TAKEN, "Time taken", CALLS),
                "ntx": Last(NTX_AMOUNT, "Price", CALLS),
            },
        ),
        "when",
        {"call": 100, "host": 120},
        description="The last status of each of the latest calls",
    )
