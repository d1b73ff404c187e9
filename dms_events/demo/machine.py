"""This machine, measured like the onboarding of the DMS does."""

from __future__ import annotations

import importlib
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ExtraNotInstalledError
from ..types.elk_stats import NewDeviceOnboarded

__all__ = ["Machine", "measure", "onboard_this_machine"]

_CPUINFO = Path("/proc/cpuinfo")
_MHZ = re.compile(r"^cpu MHz\s*:\s*([0-9.]+)", re.MULTILINE)


class Machine(NamedTuple):
    """The resources of a machine. A figure that the system does not report is 0.0, never a guess."""

    cores: int
    """Logical cores."""
    clock_mhz: float
    """Highest clock of a core in MHz, or the present clock if the system names no highest one."""
    ram_mb: float
    """Memory in MB of 2**20 bytes, as the DMS counts it."""
    network_mbps: float
    """Link speed of the fastest interface that is up and not loopback, in Mbit/s."""

    @property
    def cpu_mhz(self) -> float:
        """Cores times clock, in MHz: the total CPU of DMS onboarding."""
        return self.cores * self.clock_mhz

    def onboarded(self, peer_id: str) -> NewDeviceOnboarded:
        """Return the event that onboards the whole machine now, for an unlimited time (0.0)."""
        return NewDeviceOnboarded(
            peer_id=peer_id,
            cpu=self.cpu_mhz,
            ram=self.ram_mb,
            network=self.network_mbps,
            dedicated_time=0.0,
            timestamp=time.time(),
        )

    def __str__(self) -> str:
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        clock = f"at {self.clock_mhz:.0f} MHz" if self.clock_mhz else "(clock not reported)"
        speed = f"{self.network_mbps:.0f} Mbit/s" if self.network_mbps else "speed not reported"
        return f"{cores} {clock}, {self.ram_mb:.0f} MB of memory, network {speed}"


def measure() -> Machine:
    """Measure this machine.

    Raises:
        ExtraNotInstalledError: psutil is missing.
    """
    try:
        psutil: Any = importlib.import_module("psutil")
    except ImportError as error:
        raise ExtraNotInstalledError("demo", "the demo") from error
    return Machine(
        cores=psutil.cpu_count() or 1,
        clock_mhz=_clock_mhz(psutil),
        ram_mb=float(psutil.virtual_memory().total // 2**20),
        network_mbps=_network_mbps(psutil),
    )


def onboard_this_machine(peer_id: str) -> NewDeviceOnboarded:
    """Return the onboarding of this machine as ``peer_id``: CPU in MHz, RAM in MB, network in Mbit/s.

    Raises:
        ExtraNotInstalledError: psutil is missing.
    """
    return measure().onboarded(peer_id)


def _clock_mhz(psutil: Any) -> float:
    try:
        frequency = psutil.cpu_freq()
    except (AttributeError, NotImplementedError, OSError, RuntimeError):
        frequency = None  # not every system reports it; psutil then raises any of these
    if frequency is not None and (mhz := frequency.max or frequency.current):
        return float(mhz)
    try:
        found = _MHZ.findall(_CPUINFO.read_text())
    except OSError:
        return 0.0
    return max(map(float, found), default=0.0)


def _network_mbps(psutil: Any) -> float:
    speeds = (
        link.speed
        for name, link in psutil.net_if_stats().items()
        if link.isup and "loopback" not in link.flags and not re.match(r"lo\d*$|Loopback", name)
    )
    return float(max(speeds, default=0))
