"""The charts of the report, each with heading, legend and caption."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import NamedTuple

from .charts import Bar, Spec, cumulative, ranking, stacked, status_colours
from .colours import FAILED, SUCCESS
from .queries import (
    CallBucket,
    GrowthBucket,
    PaymentBucket,
    ServiceRow,
    Services,
    Span,
    TypeRow,
)

__all__ = ["Figures", "Panel", "panels_of"]

_MOST_STATUSES = 8
_OTHER = "other statuses"


class Figures(NamedTuple):
    """All figures that the page shows."""

    types: list[TypeRow]
    span: Span
    growth: list[GrowthBucket]
    calls: list[CallBucket]
    payments: list[PaymentBucket]
    top_services: list[ServiceRow]
    services: Services


class Panel(NamedTuple):
    """A chart with its texts, as HTML; ``spec`` is empty if there is nothing to draw."""

    heading: str
    caption: str
    spec: Spec
    legend: str = ""
    width: str = "wide"


def panels_of(figures: Figures) -> list[Panel]:
    """Return the charts in reading order."""
    span, growth = figures.span, figures.growth
    devices = {row.start: float(row.devices) for row in growth}
    cpu = {row.start: row.cpu_mhz / 1000 for row in growth}
    ram = {row.start: row.ram_mb / 1024 for row in growth}
    what = "Sum over all devices of what each offered when it was last onboarded"
    return [
        Panel(
            f"Devices onboarded{_amount(devices)}",
            "Different devices in NewDeviceOnboarded, since the first event stored here.",
            cumulative(span, devices, what="devices", whole=True) if growth else {},
            width="third",
        ),
        Panel(
            f"CPU onboarded{_amount(cpu, 'GHz')}",
            f"{what}, in GHz (1,000 MHz).",
            cumulative(span, cpu, what="CPU, GHz") if growth else {},
            width="third",
        ),
        Panel(
            f"Memory onboarded{_amount(ram, 'GB')}",
            f"{what}, in GB (1,024 MB).",
            cumulative(span, ram, what="RAM, GB") if growth else {},
            width="third",
        ),
        _calls_panel(figures),
        _payments_panel(figures),
        _services_panel(figures),
    ]


def _calls_panel(figures: Figures) -> Panel:
    counts: Counter[str] = Counter()
    for row in figures.calls:
        counts[row.status] += row.calls
    names = {status: status or "(no status)" for status in counts}
    for status, _ in counts.most_common()[_MOST_STATUSES - 1 :]:
        if len(counts) > _MOST_STATUSES:
            names[status] = _OTHER
    bars: Counter[tuple[int, str]] = Counter()
    totals: Counter[str] = Counter()
    for row in figures.calls:
        bars[row.start, names[row.status]] += row.calls
        totals[names[row.status]] += row.calls
    colours = status_colours(totals, other=_OTHER)
    pieces = [Bar(start, status, calls) for (start, status), calls in bars.items()]
    texts = {
        name: f"{calls:,} ({_share(calls / totals.total())})" for name, calls in totals.items()
    }
    return Panel(
        "Service calls by status",
        "Each call stands once, at the time of its ServiceCall, under the last status known of it: "
        "that of its ServiceCall or of a later ServiceStatus with the same call id, host and service.",
        stacked(figures.span, pieces, colours, what="calls") if bars else {},
        _legend(colours, texts),
    )


def _payments_panel(figures: Figures) -> Panel:
    rows = figures.payments
    bars = [
        Bar(row.start, *(("paid", row.ntx) if row.success else ("failed", -row.ntx)))
        for row in rows
    ]
    texts = {
        name: f"{sum(row.ntx for row in rows if row.success is success):,} NTX in "
        f"{sum(row.payments for row in rows if row.success is success):,} payments"
        for name, success in (("paid", True), ("failed", False))
    }
    colours = {"paid": SUCCESS, "failed": FAILED}
    return Panel(
        "NTX paid",
        "From NtxPayment. Above the line what was paid; below it what was not, since the payment's "
        "status is another than “success”.",
        stacked(figures.span, bars, colours, what="NTX") if bars else {},
        _legend(colours, texts),
        width="half",
    )


def _services_panel(figures: Figures) -> Panel:
    names = Counter(row.name for row in figures.top_services)
    rows = []
    for row in figures.top_services:
        unique = row.name if names[row.name] == 1 and row.name else row.service_id
        about = f"{row.name} ({row.service_id})" if row.name else row.service_id
        rows.append((unique or "(no id)", row.calls, about))
    return Panel(
        "Most called services",
        "By service calls; named by the latest NewService, else by id.",
        ranking(rows, what="calls") if rows else {},
        width="half",
    )


def _legend(colours: dict[str, str], texts: dict[str, str]) -> str:
    items = "".join(
        f'<li><i style="background:{colour}"></i>{escape(name)} <b>{texts[name]}</b></li>'
        for name, colour in colours.items()
    )
    return f'<ul class="legend">{items}</ul>'


def _amount(added: dict[int, float], unit: str = "") -> str:
    total = sum(added.values())
    digits = 1 if unit and total < 100 else 0
    return f" <b>{total:,.{digits}f} {unit}</b>" if added else ""


def _share(part: float) -> str:
    return f"{part:.1%}" if part >= 0.001 else "&lt;0.1%"
