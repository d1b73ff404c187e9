"""A libp2p node of this library against a minimal one: ratios in one run, with Go peers.

uv run --all-extras --group bench python -m benchmarks.libp2p
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import platform
import sys
from importlib.metadata import version
from typing import Any

from ..table import print_table, results
from .contestants import DELIVERED, IN_A_MESH, RECEIVE, SEND
from .scene import Scene

_SECTIONS = {"send": SEND, "receive": RECEIVE, "mesh": IN_A_MESH, "delivered": DELIVERED}
_PACKAGES = ("libp2p", "trio", "protobuf", "msgspec")


def main() -> int:
    options = _options()
    logging.disable(logging.WARNING)
    records = asyncio.run(_run(options))
    if options.json:
        run = {
            "messages": options.messages,
            "rounds": options.rounds,
            "python": platform.python_version(),
            "machine": platform.machine(),
            **{package: version(package) for package in _PACKAGES},
        }
        json.dump({"run": run, "rows": records}, sys.stdout, indent=2)
        print()
    return 0


async def _run(options: argparse.Namespace) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    scene = Scene(options.messages)
    gc.collect()
    gc.freeze()  # what was imported and prepared is nobody's garbage
    for name in options.only or _SECTIONS:
        section = _SECTIONS[name]
        found = results(section, await section.measure(scene, options.rounds))
        records += found
        if not options.json:
            print_table(section, found)
    return records


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.libp2p", description=__doc__)
    parser.add_argument("--messages", type=int, default=5_000, help="in each run of a contestant")
    parser.add_argument("--rounds", type=int, default=5, help="after one that warms up")
    parser.add_argument("--only", choices=_SECTIONS, nargs="+", help="these sections")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()
    if options.messages < 100 or options.rounds < 1:
        parser.error("--messages: at least 100; --rounds: at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
