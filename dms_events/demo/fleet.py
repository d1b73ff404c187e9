"""The life of a fleet of devices over some days, as the nodes of the network would report it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import NamedTuple

import msgspec

from ..errors import ConfigError
from .simulation import Simulation

__all__ = ["Planned", "fleet"]

_MOST_EVENTS = 2**24  # call ids stay exact in Go's float32
_FEWEST_DAYS, _MOST_DAYS = 0.001, 3650.0


class Planned(NamedTuple):
    """An event with its time and the node that reports it."""

    time: datetime
    """Aware, UTC, whole milliseconds; ``event.timestamp`` is the same in Unix seconds."""
    source: str
    """Peer id of the reporting node."""
    event: msgspec.Struct


def fleet(
    *, devices: int, events: int, seed: int, end: datetime, days: float = 10
) -> Iterator[Planned]:
    """Return exactly ``events`` events in time order, spread over the ``days`` before ``end``.

    The same arguments give the same events. Only the devices and the pending steps are held in memory.
    Every device is onboarded; the number of events left decides what else happens. The last event lies
    seconds before ``end``.

    A host takes a call only while it is online and has room, and stays online until its jobs are done
    and paid. A `ServiceCall` (status ``accepted``) carries from the start the resources that its job
    will have used. `ServiceStatus` then says ``running`` and, ``time_taken`` seconds later, ``finished
    without errors`` or ``finished with errors``. Jobs without errors are paid. Jobs are shorter than
    usual if the fleet could not finish so many jobs in so few days.

    Units: CPU in MHz, memory in MB, network in Mbit/s, ``time_taken`` in seconds,
    ``dedicated_time`` in hours a day.

    Raises:
        ConfigError: an argument is out of its range; the error names it.
    """
    if devices < 1:
        raise ConfigError("devices", f"must be at least 1, not {devices}")
    if not devices <= events <= _MOST_EVENTS:
        raise ConfigError(
            "events", f"{devices} devices need {devices} to {_MOST_EVENTS} events, not {events}"
        )
    if not _FEWEST_DAYS <= days <= _MOST_DAYS:
        raise ConfigError("days", f"must be from {_FEWEST_DAYS} to {_MOST_DAYS:.0f}, not {days}")
    if end.tzinfo is None:
        raise ConfigError("end", "must be a datetime with a time zone")
    until = end.timestamp()
    simulation = Simulation(devices, events, Random(seed), until - days * 86400, until)
    return (
        Planned(datetime.fromtimestamp(time, UTC), source, event)
        for time, source, event in simulation.run()
    )
