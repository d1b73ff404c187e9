"""The forwarder against a loop by hand: what its engine costs a document.

uv run --all-extras --group bench python -m benchmarks.sink
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys

from dms_events_nats import NatsServer

from ..bus.scene import Scene
from ..table import print_table, results
from .contestants import SECTIONS


async def _run(options: argparse.Namespace) -> None:
    records = []
    async with NatsServer() as server:
        scene = Scene(server.url, options.messages)
        gc.collect()
        gc.freeze()  # what was imported and prepared is nobody's garbage
        for name in options.only or SECTIONS:
            section = SECTIONS[name]
            found = results(section, await section.measure(scene, options.rounds))
            records += found
            if not options.json:
                print_table(section, found)
    if options.json:
        json.dump({"rows": records}, sys.stdout, indent=2)
        print()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sink", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000, help="in each run of a contestant")
    parser.add_argument("--rounds", type=int, default=7, help="after one that warms up")
    parser.add_argument("--only", choices=SECTIONS, nargs="+", help="these sections")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    asyncio.run(_run(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
