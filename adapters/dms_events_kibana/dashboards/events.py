"""The events, fields and conditions that several dashboards share, and what all of them begin with."""

from __future__ import annotations

from typing import Final

from dms_events.types.elk_stats import (
    DeviceResourceChange,
    DeviceResourceConfig,
    DeviceStatusChange,
    NewDeviceOnboarded,
    NtxPayment,
    ServiceCall,
    ServiceStatus,
)

from ..model import (
    NTX,
    OUTCOME,
    PEER,
    PERCENT,
    AllOf,
    Control,
    Count,
    Data,
    Formula,
    Is,
    Limits,
    Measure,
    Note,
    Row,
    Series,
    Stat,
    Tile,
    colour_of,
    events_of,
    field_of,
)

__all__ = [
    "BAD_TILE",
    "CALLS",
    "CHANGES",
    "ENDED",
    "FAILED",
    "FAILURE_LIMITS",
    "HOST",
    "NOT_PAID",
    "NTX_AMOUNT",
    "ONBOARDED",
    "PAID",
    "PAYMENTS",
    "PEER_CONTROL",
    "SERVICE",
    "SERVICE_STATUSES",
    "STATUS",
    "STATUS_CHANGES",
    "colours_of",
    "devices_onboarded",
    "failure_rate",
    "opening",
    "paid_ntx",
    "tile",
    "with_status",
]

ONBOARDED: Final = events_of(NewDeviceOnboarded)
STATUS_CHANGES: Final = events_of(DeviceStatusChange)
CHANGES: Final = events_of(DeviceResourceChange, DeviceResourceConfig)
CALLS: Final = events_of(ServiceCall)
SERVICE_STATUSES: Final = events_of(ServiceStatus)
PAYMENTS: Final = events_of(NtxPayment)

STATUS: Final = field_of(ServiceStatus, "status")
SERVICE: Final = field_of(ServiceCall, "service_id")
HOST: Final = PEER
"""A host reports its calls itself, so the peer of a call's events is the host."""
NTX_AMOUNT: Final = field_of(NtxPayment, "amount_of_ntx")

FAILED: Final = AllOf((SERVICE_STATUSES, Is(OUTCOME, ("failure",))))
ENDED: Final = AllOf((SERVICE_STATUSES, Is(OUTCOME, ("success", "failure"))))
PAID: Final = AllOf((PAYMENTS, Is(OUTCOME, ("success",))))
NOT_PAID: Final = AllOf((PAYMENTS, Is(OUTCOME, ("failure",))))

FAILURE_LIMITS: Final = Limits(0.05, 0.1)
BAD_TILE: Final = "#FBE9DF"
PEER_CONTROL: Final = Control(PEER, "Peer")
_PAGES: Final = {
    "overview": "Overview",
    "devices": "Devices",
    "service-calls": "Service calls",
    "payments": "Payments",
}


def with_status(status: str) -> Is:
    """Return the condition that an event says this status."""
    return Is(STATUS, (status,))


def tile(
    title: str,
    subtitle: str,
    measure: Measure,
    where: AllOf | Is | None = None,
    *,
    colour: str | None = None,
    limits: Limits | None = None,
) -> Tile:
    """Return a tile: one measure of all events for which ``where`` holds, with its course over time."""
    return Tile(title, subtitle, Data(where, {}, {"value": measure}), colour, limits)


def failure_rate(failed: AllOf, all_: AllOf | Is) -> Formula:
    """Return the share of failed events."""
    return Formula("divide", Count("Failed", failed), Count("All", all_), "Failure rate", PERCENT)


def devices_onboarded() -> Stat:
    """Return the number of different devices; one that was onboarded again counts once."""
    return Stat("distinct", field_of(NewDeviceOnboarded, "peer_id"), "Devices onboarded")


def paid_ntx(label: str = "NTX paid") -> Stat:
    """Return the sum of the payments that succeeded."""
    return Stat("sum", NTX_AMOUNT, label, NTX, PAID)


def opening(here: str, markdown: str) -> Row:
    """Return the first row of a dashboard: links to all of them, and what one sees on this one."""
    return Row(3, (Note("About this page", here, _PAGES, markdown),))


def colours_of(**statuses: str) -> dict[str, Series]:
    """Return the series of measures by id, each in the colour of its status."""
    return {id_: Series(colour_of(status)) for id_, status in statuses.items()}
