"""The rates at which things happen, so that the events of a fleet just fill its days."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .catalogue import Device, Service
from .jobs import PAID_AFTER_S, STARTED_AFTER_S

__all__ = ["Rates", "plan"]

_DAY = 86400.0
_EVENTS_PER_CALL = 3.9
_PRESENT = 0.75  # share of all device-days: devices join later, and are not always online
_UTILISATION = 0.3
_LEAVES_PER_DAY = 0.6
_CHANGES_PER_DAY = 0.35
_LARGEST_SHARE_OF_CHURN = 0.2


class Rates(NamedTuple):
    """The rates that `plan` found."""

    leaves_per_day: float
    """Rate at which a device goes offline."""
    changes_per_day: float
    """Rate at which a device changes its offer."""
    churn_per_s: float
    """Events per second from leaving, returning and changes, by the whole fleet."""
    pace: float
    """Factor for the usual waiting and running times of jobs, at most 1."""
    job_s: float
    """Mean duration of a job in seconds, before the factor ``pace``."""

    def events_per_call(self, remaining_s: float) -> float:
        """Return the mean number of events, within the remaining time, of a call at a random moment."""
        delays = (
            STARTED_AFTER_S,
            STARTED_AFTER_S + self.job_s,
            STARTED_AFTER_S + self.job_s + PAID_AFTER_S,
        )
        remaining_s = max(remaining_s, 0.001)
        return 1 + sum(_share_within(delay * self.pace, remaining_s) for delay in delays)


def plan(
    devices: Sequence[Device], services: Sequence[Service], spare: int, span_s: float
) -> Rates:
    """Return the rates for ``spare`` events (`Agenda.spare`) in ``span_s`` seconds."""
    days = span_s / _DAY
    device_days = _PRESENT * days * len(devices)
    churn = device_days * (2 * _LEAVES_PER_DAY + _CHANGES_PER_DAY)
    scale = min(1.0, _LARGEST_SHARE_OF_CHURN * spare / churn)
    calls = max((spare - scale * churn) / _EVENTS_PER_CALL, 1)
    room = _UTILISATION * _PRESENT * span_s / calls
    job_s = _mean(services, lambda service: service.seconds)
    pace = min(
        1.0,
        span_s / 20 / job_s,
        room
        * sum(device.nominal.cpu for device in devices)
        / _mean(services, lambda service: _held_s(service) * service.cpu_mhz),
        room
        * sum(device.nominal.ram for device in devices)
        / _mean(services, lambda service: _held_s(service) * service.ram_mb),
    )
    return Rates(
        leaves_per_day=scale * _LEAVES_PER_DAY,
        changes_per_day=scale * _CHANGES_PER_DAY,
        churn_per_s=scale * churn / span_s,
        pace=pace,
        job_s=job_s,
    )


def _mean(services: Sequence[Service], need: Callable[[Service], float]) -> float:
    if not services:
        return 1.0
    total = sum(service.popularity for service in services)
    return sum(service.popularity * need(service) for service in services) / total


def _held_s(service: Service) -> float:
    return STARTED_AFTER_S + service.seconds


def _share_within(delay: float, remaining: float) -> float:
    return 1 - delay / remaining * -math.expm1(-remaining / delay)
