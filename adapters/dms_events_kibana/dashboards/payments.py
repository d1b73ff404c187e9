"""Payments: the NTX that were paid, to whom and for which service, and the payments that failed."""

from __future__ import annotations

from dms_events.types.elk_stats import NtxPayment, ServiceCall

from ..model import (
    ACCENT,
    CALL,
    NTX,
    OUTCOME,
    PEER,
    QUIET,
    SECOND,
    Chart,
    Count,
    Dashboard,
    Data,
    Donut,
    Format,
    Formula,
    Is,
    Last,
    OverTime,
    Percentile,
    Ranking,
    Row,
    Series,
    Stat,
    Table,
    Top,
    colour_of,
    events_of,
    newest,
)
from .events import (
    BAD_TILE,
    CALLS,
    FAILURE_LIMITS,
    NOT_PAID,
    NTX_AMOUNT,
    PAID,
    PAYMENTS,
    PEER_CONTROL,
    SERVICE,
    colours_of,
    failure_rate,
    opening,
    paid_ntx,
    tile,
)

__all__ = ["dashboard"]


def dashboard() -> Dashboard:
    """Return the dashboard of the payments."""
    return Dashboard(
        "payments",
        "Payments",
        "NTX paid, to whom and for which service, and the payments that failed",
        (
            opening(
                "payments",
                "A call that ended without errors is to be paid. Green was paid, orange failed; the "
                "price is what accepted calls will cost.",
            ),
            _tiles(),
            Row(13, (_price_and_paid(), _by_outcome())),
            Row(13, (_by_service(), _sizes(), _paid_most())),
            Row(17, (_services(), _failures())),
        ),
        (PEER_CONTROL,),
    )


def _tiles() -> Row:
    median = Stat("median", NTX_AMOUNT, "Median payment", NTX)
    peers = Stat("distinct", PEER, "Peers paid")
    return Row(
        6,
        (
            tile("NTX paid", "in successful payments", paid_ntx(), PAID),
            tile("NTX not paid", "in failed payments", _not_paid_ntx(), NOT_PAID, colour=BAD_TILE),
            tile("Payments", "tried", Count("Payments"), PAYMENTS),
            tile("Failure rate", "of payments tried", _rate(), PAYMENTS, limits=FAILURE_LIMITS),
            tile("Median payment", "of successful ones", median, PAID),
            tile("Peers paid", "at least once", peers, PAID),
        ),
    )


def _rate() -> Formula:
    return failure_rate(NOT_PAID, PAYMENTS)


def _not_paid_ntx() -> Stat:
    return Stat("sum", NTX_AMOUNT, "NTX not paid", NTX, NOT_PAID)


def _price_and_paid() -> Chart:
    return Chart(
        "NTX of accepted calls and NTX paid",
        "lines",
        Data(
            events_of(ServiceCall, NtxPayment),
            {"when": OverTime()},
            {
                "price": Stat("sum", NTX_AMOUNT, "Price of accepted calls", NTX, CALLS),
                "paid": paid_ntx("Paid"),
            },
        ),
        "NTX",
        {"price": Series(QUIET), "paid": Series(colour_of("success"))},
    )


def _by_outcome() -> Chart:
    return Chart(
        "Payments by outcome",
        "stacked bars",
        Data(
            PAYMENTS,
            {"when": OverTime()},
            {
                "success": Count("Paid", Is(OUTCOME, ("success",))),
                "failure": Count("Failed", Is(OUTCOME, ("failure",))),
                "unknown": Count("Other", Is(OUTCOME, ("unknown",))),
            },
        ),
        "payments",
        colours_of(success="success", failure="failure", unknown="unknown"),
    )


def _by_service() -> Donut:
    return Donut(
        "NTX by service",
        Data(
            PAID, {"service": Top(SERVICE, "Service", 7, "paid", other=True)}, {"paid": paid_ntx()}
        ),
    )


def _sizes() -> Chart:
    return Chart(
        "Size of payments",
        "lines",
        Data(
            PAID,
            {"when": OverTime()},
            {
                "p50": Percentile(50, NTX_AMOUNT, "Median", NTX),
                "p95": Percentile(95, NTX_AMOUNT, "95th percentile", NTX),
            },
        ),
        "NTX",
        {"p50": Series(ACCENT), "p95": Series(SECOND)},
    )


def _paid_most() -> Ranking:
    return Ranking(
        "Peers paid most",
        Data(PAID, {"peer": Top(PEER, "Peer", 8, "paid")}, {"paid": paid_ntx()}),
        colour_of("success"),
    )


def _services() -> Table:
    average = Stat("average", NTX_AMOUNT, "Average", Format(decimals=1, suffix=" NTX"), PAID)
    return Table(
        "Services",
        Data(
            PAYMENTS,
            {"service": Top(SERVICE, "Service", 50, "paid")},
            {
                "paid": paid_ntx("Paid"),
                "lost": _not_paid_ntx(),
                "payments": Count("Payments"),
                "rate": _rate(),
                "average": average,
            },
        ),
        "paid",
        {"service": 220},
        {"rate": FAILURE_LIMITS},
    )


def _failures() -> Table:
    return Table(
        "Latest failed payments",
        Data(
            NOT_PAID,
            {"call": Top(CALL, "Call", 50, "when")},
            {
                "when": newest("Failed at"),
                "service": Last(SERVICE, "Service", NOT_PAID),
                "peer": Last(PEER, "Peer", NOT_PAID),
                "ntx": Last(NTX_AMOUNT, "Amount", NOT_PAID),
            },
        ),
        "when",
        {"call": 100, "when": 180, "peer": 120},
    )
