"""The fleet: onboarding, status, and the resources that devices offer."""

from __future__ import annotations

from typing import Final

from dms_events.types.elk_stats import (
    DeviceResourceChange,
    DeviceResourceConfig,
    NewDeviceOnboarded,
)

from ..model import (
    ACCENT,
    BARE,
    PEER,
    QUIET,
    SECOND,
    AllOf,
    Chart,
    Count,
    Cumulative,
    Dashboard,
    Data,
    Field,
    Format,
    Is,
    Last,
    Not,
    OverTime,
    Ranking,
    Row,
    Series,
    Stat,
    Table,
    Top,
    colour_of,
    events_of,
    field_of,
    newest,
    readable,
)
from .events import (
    BAD_TILE,
    CALLS,
    CHANGES,
    ONBOARDED,
    PEER_CONTROL,
    STATUS,
    STATUS_CHANGES,
    colours_of,
    devices_onboarded,
    opening,
    tile,
    with_status,
)

__all__ = ["dashboard"]

_CPU: Final = field_of(NewDeviceOnboarded, "cpu")
_RAM: Final = field_of(NewDeviceOnboarded, "ram")
_CPU_NOW: Final = field_of(DeviceResourceChange, "changed_attribute_and_value.cpu")
_RAM_NOW: Final = field_of(DeviceResourceChange, "changed_attribute_and_value.ram")
_WENT_OFFLINE: Final = AllOf((STATUS_CHANGES, with_status("offline")))


def dashboard() -> Dashboard:
    """Return the dashboard of the devices."""
    return Dashboard(
        "devices",
        "Devices",
        "Onboarding, availability and resources of the fleet",
        (
            opening(
                "devices",
                "Onboarded is what a device brought in; offered is what it has free by its latest report "
                "of a change or a configuration.",
            ),
            _tiles(),
            Row(13, (_onboarded(), _status_changes())),
            Row(13, (_cpu(), _memory(), _most_offline())),
            Row(17, (_fleet(),)),
        ),
        (PEER_CONTROL,),
    )


def _tiles() -> Row:
    offline = Count("Went offline")
    total = "sum of all onboardings"
    return Row(
        6,
        (
            tile("Devices seen", "that sent any event", Stat("distinct", PEER, "Devices seen")),
            tile("Devices onboarded", "different devices", devices_onboarded(), ONBOARDED),
            tile("CPU onboarded", total, readable(Stat("sum", _CPU, "CPU")), ONBOARDED),
            tile("Memory onboarded", total, readable(Stat("sum", _RAM, "Memory")), ONBOARDED),
            tile("Went offline", "times", offline, _WENT_OFFLINE, colour=BAD_TILE),
            tile("Offers changed", "by devices", Count("Offers changed"), CHANGES),
        ),
    )


def _onboarded() -> Chart:
    return Chart(
        "Onboardings",
        "bars",
        Data(
            ONBOARDED,
            {"when": OverTime()},
            {"new": Count("Onboarded"), "all": Cumulative("new", "Onboarded so far")},
        ),
        "in this interval",
        {"new": Series(ACCENT), "all": Series(SECOND, right=True)},
        "so far",
    )


def _status_changes() -> Chart:
    return Chart(
        "Status changes",
        "stacked bars",
        Data(
            STATUS_CHANGES,
            {"when": OverTime()},
            {
                "online": Count("Online", with_status("online")),
                "offline": Count("Offline", with_status("offline")),
                "other": Count("Other", Not(Is(STATUS, ("online", "offline")))),
            },
        ),
        "changes",
        {**colours_of(online="online", offline="offline"), "other": Series(QUIET)},
    )


def _cpu() -> Chart:
    return _onboarded_and_offered("CPU of a device", _CPU, _CPU_NOW, "GHz", BARE)


def _memory() -> Chart:
    return _onboarded_and_offered("Memory of a device", _RAM, _RAM_NOW, "memory")


def _onboarded_and_offered(
    title: str, onboarded: Field, offered: Field, unit: str, format: Format | None = None
) -> Chart:
    return Chart(
        title,
        "lines",
        Data(
            events_of(NewDeviceOnboarded, DeviceResourceChange, DeviceResourceConfig),
            {"when": OverTime()},
            {
                "onboarded": readable(Stat("average", onboarded, "Onboarded, average"), format),
                "offered": readable(Stat("average", offered, "Offered, average"), format),
            },
        ),
        unit,
        {"onboarded": Series(ACCENT), "offered": Series(SECOND)},
        description="Averages of the reports in each interval: at onboarding, and after a change",
    )


def _most_offline() -> Ranking:
    return Ranking(
        "Most often offline",
        Data(
            _WENT_OFFLINE, {"peer": Top(PEER, "Peer", 8, "times")}, {"times": Count("Went offline")}
        ),
        colour_of("offline"),
    )


def _fleet() -> Table:
    return Table(
        "Fleet",
        Data(
            None,
            {"peer": Top(PEER, "Peer", 200, "last")},
            {
                "status": Last(STATUS, "Last status", STATUS_CHANGES),
                "since": newest("Since", STATUS_CHANGES),
                "offline": Count("Went offline", _WENT_OFFLINE),
                "cpu": Last(_CPU, "CPU onboarded", ONBOARDED),
                "cpu_now": Last(_CPU_NOW, "CPU offered", CHANGES),
                "ram": Last(_RAM, "Memory onboarded", ONBOARDED),
                "ram_now": Last(_RAM_NOW, "Memory offered", CHANGES),
                "calls": Count("Calls accepted", CALLS),
                "last": newest("Last event"),
            },
        ),
        "last",
        {"peer": 120},
        description="The last status and resources of each peer. Without a status, a peer did not change "
        "it in this time range",
    )
