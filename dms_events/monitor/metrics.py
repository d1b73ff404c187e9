"""The metrics of a worker or a forwarder, made from its figures."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from math import inf

import dms_events

from ..worker import Stats
from ..worker.durations import Durations
from ..worker.stats import BY_TYPE
from .exposition import Family, Sample

__all__ = ["METRICS", "metrics_of"]

_GAUGES = ("delayed",)

METRICS: Mapping[str, str] = {
    "dms_events_received_total": "Messages taken; the sum of the outcomes that end a message.",
    "dms_events_messages_total": "Messages by outcome, such as handled, duplicates or rejected.",
    "dms_events_type_messages_total": "Messages by type, and by some of the outcomes.",
    "dms_events_in_hand": "Messages taken and not settled yet.",
    "dms_events_delayed": "Messages given back with a delay that has not passed.",
    "dms_events_backlog": "Messages that wait at the broker for this durable, or are not settled.",
    "dms_events_write_seconds": "Time of each write to the sink, refused writes included.",
    "dms_events_ready": "1 if messages are taken, else 0; the same as /readyz.",
    "dms_events_build_info": "1; the labels name the releases of dms-events and Python.",
}
"""Each metric with its meaning."""


def metrics_of(stats: Stats, *, ready: bool, backlog: int | None) -> Iterator[Family]:
    """Yield the metrics; that of the backlog only if it is known."""
    figures = {name: count for name, count in stats.figures().items() if name not in _GAUGES}
    yield _counter("dms_events_received_total", [Sample(stats.received)])
    outcomes = [Sample(count, {"outcome": name}) for name, count in figures.items()]
    yield _counter("dms_events_messages_total", outcomes)
    typed = [
        Sample(counts.get(outcome, 0), {"type": name, "outcome": outcome})
        for name, counts in sorted(stats.by_type.items())
        for outcome in BY_TYPE
    ]
    yield _counter("dms_events_type_messages_total", typed)
    yield _gauge("dms_events_in_hand", stats.in_hand)
    yield _gauge("dms_events_delayed", stats.delayed)
    if backlog is not None:
        yield _gauge("dms_events_backlog", backlog)
    if stats.writes.count:
        yield _histogram("dms_events_write_seconds", stats.writes)
    yield _gauge("dms_events_ready", int(ready))
    about = {"version": dms_events.__version__, "python": platform.python_version()}
    yield _gauge("dms_events_build_info", 1, about)


def _counter(name: str, samples: list[Sample]) -> Family:
    return Family(name, "counter", METRICS[name], samples)


def _gauge(name: str, value: int, labels: Mapping[str, str] = {}) -> Family:
    return Family(name, "gauge", METRICS[name], [Sample(value, labels)])


def _histogram(name: str, durations: Durations) -> Family:
    samples = [
        Sample(count, {"le": "+Inf" if most == inf else f"{most:g}"}, "_bucket")
        for most, count in durations.buckets()
    ]
    samples += [Sample(durations.sum_s, suffix="_sum"), Sample(durations.count, suffix="_count")]
    return Family(name, "histogram", METRICS[name], samples)
