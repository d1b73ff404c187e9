"""The life of a fleet: devices come and go, and services are offered and called."""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from random import Random

import msgspec

from ..types.elk_stats import (
    DeviceResourceChange,
    DeviceResourceConfig,
    DeviceStatusChange,
    NewDeviceOnboarded,
    NewService,
    ResourceValues,
    ServiceRemove,
)
from .agenda import Agenda, Report, Step
from .catalogue import SERVICES, Device, Service, make_devices, make_services
from .jobs import Job
from .rates import plan
from .rhythm import Rhythm

__all__ = ["Simulation"]

_MOST_CALL_IDS = 2**24
_HOUR = 3600.0
_EVENTS_PER_SERVICE = 25
_CALLERS = 4
_TRIES = 16


class Simulation:
    """``events`` events of a fleet between two moments in Unix seconds.

    The first device is a server that never goes offline, so there is always a device that can report.
    """

    def __init__(self, devices: int, events: int, rng: Random, start: float, end: float) -> None:
        closing = round(end - min(rng.uniform(1, 4), (end - start) / 60), 3)
        self._rng = rng
        self._left = events
        self._agenda = Agenda(events - devices, closing, rng)
        self._rhythm = Rhythm(start, closing)
        self._online: list[Device] = []
        self._services: list[Service] = []
        self._weights: list[float] = []
        self._calls = rng.getrandbits(24)
        self._set_out(make_devices(devices, rng), start, closing)

    def run(self) -> Iterator[tuple[float, str, msgspec.Struct]]:
        """Yield (time, peer id of the reporting node, event) in time order."""
        while self._left:
            now, step = self._agenda.pop()
            if report := step(now):
                self._left -= 1
                yield now, report[0].peer_id, report[1]

    def _set_out(self, devices: list[Device], start: float, closing: float) -> None:
        agenda, rng, span = self._agenda, self._rng, closing - start
        moments = [0.0005, *(max(0.001, 0.9 * rng.random() ** 2.2) for _ in devices[1:])]
        if agenda.claim():
            agenda.enter(closing, self._call)
        else:
            moments[-1] = 1.0
        for device, moment in zip(devices, moments, strict=True):
            agenda.enter(min(start + span * moment, closing), partial(self._onboard, device))
        self._steady = devices[0]
        count = min(SERVICES, 3 + math.isqrt(len(devices)), agenda.spare // _EVENTS_PER_SERVICE)
        services = make_services(count, rng)
        for n, service in enumerate(services):
            known = n < max(2, count // 3)
            share = 0.001 + 0.001 * n / count if known else rng.uniform(0.01, 0.8)
            agenda.enter(start + span * share, partial(self._register, service))
            # The most popular service stays and the next one goes, so each case occurs.
            if n == 1 or (n > 1 and rng.random() < 0.3):
                until = rng.uniform(0.3, 0.6) if n == 1 else rng.uniform(share + 0.1, 0.97)
                agenda.enter(start + span * until, partial(self._retire, service))
        self._rates = plan(devices, services, agenda.spare, span)
        agenda.enter(start + span * 0.004, self._arrive)

    # Devices

    def _onboard(self, device: Device, now: float) -> Report:
        agenda, offer = self._agenda, device.offer
        self._open(device, now)
        agenda.enter(now + self._rng.uniform(60, 900), partial(self._configure, device))
        agenda.enter_after(now, self._rates.changes_per_day, partial(self._change, device))
        return device, NewDeviceOnboarded(
            peer_id=device.peer_id,
            cpu=offer.cpu,
            ram=offer.ram,
            network=offer.network,
            dedicated_time=offer.dedicated_time,
            timestamp=now,
        )

    def _configure(self, device: Device, now: float) -> Report | None:
        if device.place is None or not self._agenda.claim():
            return None
        self._offer_anew(device, least=0.85)
        return device, DeviceResourceConfig(
            peer_id=device.peer_id, changed_attribute_and_value=device.offer, timestamp=now
        )

    def _change(self, device: Device, now: float) -> Report | None:
        self._agenda.enter_after(now, self._rates.changes_per_day, partial(self._change, device))
        if device.place is None or not self._agenda.claim():
            return None
        return self._changed(device, now)

    def _changed(self, device: Device, now: float) -> Report:
        self._offer_anew(device, least=0.6)
        return device, DeviceResourceChange(
            peer_id=device.peer_id, changed_attribute_and_value=device.offer, timestamp=now
        )

    def _offer_anew(self, device: Device, least: float) -> None:
        nominal, rng = device.nominal, self._rng
        device.offer = ResourceValues(
            cpu=max(round(nominal.cpu * rng.uniform(least, 1), -2), device.used_cpu_mhz),
            ram=max(round(nominal.ram * rng.uniform(least, 1), -2), device.used_ram_mb),
            network=nominal.network,
            dedicated_time=nominal.dedicated_time,
        )

    def _open(self, device: Device, now: float) -> None:
        device.place = len(self._online)
        self._online.append(device)
        if device is not self._steady:
            self._agenda.enter_after(now, self._rates.leaves_per_day, partial(self._leave, device))

    def _leave(self, device: Device, now: float) -> None:
        """Let the device take no more calls, and go offline when its jobs are done."""
        last = self._online.pop()
        if last is not device and device.place is not None:
            self._online[device.place] = last
            last.place = device.place
        device.place = None
        self._agenda.enter(max(now, device.busy_until), partial(self._go_offline, device))

    def _go_offline(self, device: Device, now: float) -> Report | None:
        away_s = self._rng.lognormvariate(math.log(5 * _HOUR), 0.6)
        self._agenda.enter(now + away_s, partial(self._return, device))
        return self._status(device, now, "offline")

    def _return(self, device: Device, now: float) -> Report | None:
        report = self._status(device, now, "online")
        if report:
            self._open(device, now)
        return report

    def _status(self, device: Device, now: float, status: str) -> Report | None:
        if not self._agenda.claim():
            return None
        return device, DeviceStatusChange(peer_id=device.peer_id, status=status, timestamp=now)

    # Services

    def _register(self, service: Service, now: float) -> Report | None:
        if not self._agenda.claim():
            return None
        service.owner = self._rng.choice(self._online)
        self._services.append(service)
        self._weigh()
        return service.owner, NewService(
            service_id=service.id,
            service_name=service.name,
            service_description=service.description,
            timestamp=now,
        )

    def _retire(self, service: Service, now: float) -> None:
        """Let the service take no more calls, and remove it when the last call is done."""
        if service in self._services:
            self._services.remove(service)
            self._weigh()
            delay_s = self._rng.uniform(60, 600)
            self._agenda.enter(
                max(now, service.busy_until) + delay_s, partial(self._remove, service)
            )

    def _remove(self, service: Service, now: float) -> Report | None:
        if service.owner is None or service.owner.place is None:
            self._agenda.enter(now + _HOUR, partial(self._remove, service))
            return None
        if not self._agenda.claim():
            return None
        return service.owner, ServiceRemove(service_id=service.id, timestamp=now)

    def _weigh(self) -> None:
        self._weights = list(accumulate(service.popularity for service in self._services))

    # Calls

    def _arrive(self, now: float) -> Report | None:
        agenda = self._agenda
        if not agenda.claim():
            return None
        report = self._call(now)
        remaining_s = agenda.closing - now
        wanted = max(agenda.spare - self._rates.churn_per_s * remaining_s, 1.0)
        calls = wanted / self._rates.events_per_call(remaining_s)
        following = self._rhythm.draw(now, calls, self._rng)
        agenda.enter(min(following, agenda.closing), self._arrive)
        return report

    def _call(self, now: float) -> Report:
        """Report a call that a host accepts; if no host can, a device changes its offer."""
        self._calls = (self._calls + 1) % _MOST_CALL_IDS
        for _ in range(_CALLERS if self._services else 0):
            job = Job(self._pick_service(), self._calls, now, self._rates.pace, self._rng)
            host = self._find_host(job)
            if host and self._schedule(job):
                return job.accept(host, now, self._rng)
        return self._changed(self._rng.choice(self._online), now)

    def _schedule(self, job: Job) -> bool:
        steps: list[tuple[float, Step]] = [(job.starts, job.start), (job.ends, job.finish)]
        if not job.fails:
            steps.append((job.paid, job.pay))
        steps = [(time, step) for time, step in steps if time < self._agenda.closing]
        if not self._agenda.claim(len(steps)):
            return False
        for time, step in steps:
            self._agenda.enter(time, step)
        return True

    def _pick_service(self) -> Service:
        weights = self._weights
        point = self._rng.random() * weights[-1]
        return self._services[bisect(weights, point, hi=len(weights) - 1)]

    def _find_host(self, job: Job) -> Device | None:
        for _ in range(_TRIES):
            device = self._rng.choice(self._online)
            if device.fits(job.cpu_mhz, job.max_ram_mb):
                return device
        return None
