"""One call of a service: the needs, duration and cost of its job, and the events that report it."""

from __future__ import annotations

from random import Random

from ..types.elk_stats import NtxPayment, ServiceCall, ServiceStatus
from .agenda import Report
from .catalogue import Device, Service

__all__ = ["PAID_AFTER_S", "STARTED_AFTER_S", "Job"]

STARTED_AFTER_S = 40.0
"""Mean time from the acceptance of a call to its start, in seconds, before the factor ``pace``."""
PAID_AFTER_S = 75.0
"""Mean time from the end of a job to its payment, in seconds, before the factor ``pace``."""

_NTX_PER_GHZ_HOUR = 2.5
_FAILS = 0.06
_PAYMENT_FAILS = 0.03


class Job:
    """A job of ``service`` that needs a host; `accept` gives it one."""

    __slots__ = ("amount_ntx", "call_id", "cpu_mhz", "ends", "fails", "host", "max_ram_mb", "paid",
                 "payment_fails", "seconds", "service", "starts")  # fmt: skip

    host: Device

    def __init__(
        self, service: Service, call_id: int, now: float, pace: float, rng: Random
    ) -> None:
        size = rng.lognormvariate(0, 0.25)
        self.service = service
        self.call_id = float(call_id)
        self.cpu_mhz = float(round(service.cpu_mhz * size))
        self.max_ram_mb = 64.0 * max(round(service.ram_mb * size / 64), 1)
        self.fails = rng.random() < _FAILS
        self.payment_fails = rng.random() < _PAYMENT_FAILS
        seconds = service.seconds * pace * rng.lognormvariate(-0.18, 0.6)
        self.seconds = round(max(seconds * (rng.random() if self.fails else 1), 0.5), 1)
        ghz_hours = self.cpu_mhz / 1000 * self.seconds / 3600
        self.amount_ntx = max(round(ghz_hours * _NTX_PER_GHZ_HOUR * rng.uniform(0.85, 1.2)), 1)
        self.starts = round(now + pace * _delay(STARTED_AFTER_S, rng), 3)
        self.ends = round(self.starts + self.seconds, 3)
        self.paid = round(self.ends + pace * _delay(PAID_AFTER_S, rng), 3)

    @property
    def over(self) -> float:
        """Time of the job's last event, in Unix seconds."""
        return self.ends if self.fails else self.paid

    def accept(self, host: Device, now: float, rng: Random) -> Report:
        """Take room on ``host``, and report the call."""
        self.host = host
        host.used_cpu_mhz += self.cpu_mhz
        host.used_ram_mb += self.max_ram_mb
        host.busy_until = max(host.busy_until, self.over)
        self.service.busy_until = max(self.service.busy_until, self.over)
        traffic = self.service.network_mbps * rng.lognormvariate(0, 0.5)
        return self.host, ServiceCall(
            call_id=self.call_id,
            peer_id_of_service_host=host.peer_id,
            service_id=self.service.id,
            cpu_used=self.cpu_mhz,
            max_ram=self.max_ram_mb,
            memory_used=float(round(self.max_ram_mb * rng.uniform(0.45, 0.98))),
            network_bw_used=round(min(traffic, 0.9 * host.offer.network), 2),
            time_taken=self.seconds,
            status="accepted",
            amount_of_ntx=self.amount_ntx,
            timestamp=now,
        )

    def start(self, now: float) -> Report:
        """Report that the job runs."""
        return self._status("running", now)

    def finish(self, now: float) -> Report:
        """Report that the job is done, and give the host its room back."""
        self.host.used_cpu_mhz -= self.cpu_mhz
        self.host.used_ram_mb -= self.max_ram_mb
        return self._status(f"finished {'with' if self.fails else 'without'} errors", now)

    def pay(self, now: float) -> Report:
        """Report that the host is paid, or that the payment failed."""
        return self.host, NtxPayment(
            call_id=self.call_id,
            service_id=self.service.id,
            amount_of_ntx=self.amount_ntx,
            peer_id=self.host.peer_id,
            success_fail_status="fail" if self.payment_fails else "success",
            timestamp=now,
        )

    def _status(self, status: str, now: float) -> Report:
        return self.host, ServiceStatus(
            call_id=self.call_id,
            peer_id_of_service_host=self.host.peer_id,
            service_id=self.service.id,
            status=status,
            timestamp=now,
        )


def _delay(mean_s: float, rng: Random) -> float:
    return rng.uniform(0.2, 0.6) * mean_s + rng.expovariate(1 / (0.6 * mean_s))
