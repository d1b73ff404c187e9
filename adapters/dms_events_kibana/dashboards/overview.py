"""What a stranger wants to know in ten seconds: who is there, what they do, and whether it goes well."""

from __future__ import annotations

from ..model import (
    ACCENT,
    DATASET,
    OUTCOME,
    PEER,
    Chart,
    Control,
    Count,
    Dashboard,
    Data,
    Is,
    OverTime,
    Ranking,
    Row,
    Series,
    Stat,
    Table,
    Top,
    colour_of,
    newest,
)
from .events import (
    CALLS,
    ENDED,
    FAILED,
    FAILURE_LIMITS,
    ONBOARDED,
    PAID,
    PEER_CONTROL,
    SERVICE_STATUSES,
    STATUS_CHANGES,
    colours_of,
    devices_onboarded,
    failure_rate,
    opening,
    paid_ntx,
    tile,
    with_status,
)

__all__ = ["dashboard"]


def dashboard() -> Dashboard:
    """Return the overview."""
    return Dashboard(
        "overview",
        "Overview",
        "Devices, service calls and payments of the network at a glance",
        (
            opening(
                "overview",
                "All that the nodes report. Green went well, orange failed, grey has no outcome. "
                "Pick a peer or a type of event above; all panels follow.",
            ),
            _tiles(),
            Row(13, (_calls_by_outcome(), _events_by_type())),
            Row(13, (_devices(), _payments(), _busiest())),
            Row(17, (_types(), _peers())),
        ),
        (PEER_CONTROL, Control(DATASET, "Type of event")),
    )


def _tiles() -> Row:
    rate = failure_rate(FAILED, ENDED)
    return Row(
        6,
        (
            tile("Devices seen", "that sent any event", _peers_seen("Devices seen")),
            tile("Devices onboarded", "different devices", devices_onboarded(), ONBOARDED),
            tile("Calls accepted", "by hosts", Count("Calls accepted"), CALLS),
            tile("Failure rate", "of calls that ended", rate, ENDED, limits=FAILURE_LIMITS),
            tile("NTX paid", "in successful payments", paid_ntx(), PAID),
            tile("Events", "of all types", Count("Events")),
        ),
    )


def _calls_by_outcome() -> Chart:
    return Chart(
        "Calls that ended",
        "stacked bars",
        Data(
            SERVICE_STATUSES,
            {"when": OverTime()},
            {
                "success": Count("Without errors", Is(OUTCOME, ("success",))),
                "failure": Count("With errors", Is(OUTCOME, ("failure",))),
            },
        ),
        "calls",
        colours_of(success="success", failure="failure"),
    )


def _events_by_type() -> Chart:
    return Chart(
        "Events by type",
        "stacked areas",
        Data(
            None,
            {"type": Top(DATASET, "Type", 9, "events"), "when": OverTime()},
            {"events": Count("Events")},
        ),
        "events",
    )


def _devices() -> Chart:
    return Chart(
        "Devices come and go",
        "stacked bars",
        Data(
            STATUS_CHANGES,
            {"when": OverTime()},
            {
                "online": Count("Came online", with_status("online")),
                "offline": Count("Went offline", with_status("offline")),
            },
        ),
        "devices",
        colours_of(online="online", offline="offline"),
    )


def _payments() -> Chart:
    return Chart(
        "NTX paid over time",
        "bars",
        Data(PAID, {"when": OverTime()}, {"paid": paid_ntx()}),
        "NTX",
        {"paid": Series(colour_of("success"))},
    )


def _busiest() -> Ranking:
    return Ranking(
        "Busiest hosts",
        Data(CALLS, {"peer": Top(PEER, "Host", 8, "calls")}, {"calls": Count("Calls accepted")}),
        ACCENT,
        "Hosts by calls accepted; a host is named by the last ten characters of its peer id",
    )


def _types() -> Table:
    return Table(
        "What is stored",
        Data(
            None,
            {"type": Top(DATASET, "Type", 20, "events")},
            {
                "events": Count("Events"),
                "peers": _peers_seen("Peers"),
                "last": newest("Latest"),
            },
        ),
        "events",
        {"type": 260},
    )


def _peers() -> Table:
    return Table(
        "Peers",
        Data(
            None,
            {"peer": Top(PEER, "Peer", 100, "events")},
            {
                "events": Count("Events"),
                "calls": Count("Calls accepted", CALLS),
                "rate": failure_rate(FAILED, ENDED),
                "paid": paid_ntx(),
                "last": newest("Latest"),
            },
        ),
        "events",
        {"peer": 120},
        {"rate": FAILURE_LIMITS},
    )


def _peers_seen(label: str) -> Stat:
    return Stat("distinct", PEER, label)
