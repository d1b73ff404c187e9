from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dms_events import codec
from dms_events.demo import machine
from dms_events.demo.machine import Machine, measure, onboard_this_machine
from dms_events.errors import ExtraNotInstalledError
from dms_events.types.elk_stats import NewDeviceOnboarded
from tests.kit.go.toolchain import missing


@pytest.fixture
def psutil() -> Any:
    try:
        return importlib.import_module("psutil")
    except ImportError:
        return missing("psutil", "uv sync --extra demo")


def test_the_figures_of_this_machine_are_those_that_psutil_reads(psutil: Any) -> None:
    measured = measure()

    assert measured.cores == psutil.cpu_count()
    assert measured.ram_mb == psutil.virtual_memory().total // 2**20
    frequency = psutil.cpu_freq()
    if frequency and (mhz := frequency.max or frequency.current):
        assert measured.clock_mhz == pytest.approx(mhz, rel=0.5)  # a clock may move meanwhile
    up = [link.speed for name, link in psutil.net_if_stats().items() if link.isup and name != "lo"]
    assert measured.network_mbps == max(up, default=0)


def test_this_machine_is_onboarded_with_cores_times_clock_as_its_cpu(psutil: Any) -> None:
    event = onboard_this_machine("12D3KooWExample")

    assert event.peer_id == "12D3KooWExample"
    assert event.cpu == pytest.approx(psutil.cpu_count() * measure().clock_mhz, rel=0.5)
    assert event.ram == psutil.virtual_memory().total // 2**20
    assert event.timestamp == pytest.approx(time.time(), abs=60)
    assert codec.decode(codec.encode(event), NewDeviceOnboarded) == event


def test_the_highest_clock_counts_where_the_system_names_it(
    psutil: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    frequency = SimpleNamespace(current=900.0, min=800.0, max=3600.0)
    monkeypatch.setattr(psutil, "cpu_freq", lambda: frequency)

    assert measure().clock_mhz == 3600.0


@pytest.mark.parametrize("frequency", [None, SimpleNamespace(current=0.0, min=0.0, max=0.0)])
def test_a_clock_that_psutil_does_not_know_is_read_from_cpuinfo(
    psutil: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, frequency: Any
) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\ncpu MHz\t\t: 2400.5\nprocessor\t: 1\ncpu MHz\t\t: 2401.0\n")
    monkeypatch.setattr(psutil, "cpu_freq", lambda: frequency)
    monkeypatch.setattr(machine, "_CPUINFO", cpuinfo)

    assert measure().clock_mhz == 2401.0


@pytest.mark.parametrize("error", [NotImplementedError, FileNotFoundError, RuntimeError])
def test_a_clock_that_nobody_knows_is_nought_and_the_summary_says_so(
    psutil: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: type[Exception]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(psutil, "cpu_freq", fail)
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "absent")
    measured = measure()

    assert measured.cpu_mhz == 0.0
    assert "clock not reported" in str(measured)


def test_the_network_is_the_fastest_link_that_is_up_and_leads_elsewhere(
    psutil: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = {
        "lo": SimpleNamespace(isup=True, speed=99999, flags="up,loopback,running"),
        "lo0": SimpleNamespace(isup=True, speed=99999, flags=""),
        "eth0": SimpleNamespace(isup=True, speed=1000, flags="up,broadcast"),
        "wlan0": SimpleNamespace(isup=True, speed=300, flags="up,broadcast"),
        "eth1": SimpleNamespace(isup=False, speed=10000, flags="broadcast"),
    }
    monkeypatch.setattr(psutil, "net_if_stats", lambda: links)

    assert measure().network_mbps == 1000.0


def test_the_summary_is_one_line_with_units() -> None:
    one = Machine(cores=1, clock_mhz=0.0, ram_mb=512.0, network_mbps=0.0)
    eight = Machine(cores=8, clock_mhz=2596.126, ram_mb=16384.0, network_mbps=1000.0)

    assert str(eight) == "8 cores at 2596 MHz, 16384 MB of memory, network 1000 Mbit/s"
    assert str(one) == ("1 core (clock not reported), 512 MB of memory, network speed not reported")


def test_a_missing_psutil_names_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)

    with pytest.raises(ExtraNotInstalledError, match=r"dms-events\[demo\]"):
        measure()
