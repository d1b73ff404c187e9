"""The forwarder against a loop by hand, and against the documented way into Elasticsearch.

uv run --all-extras --group bench python -m benchmarks.sink
uv run --all-extras --group bench python -m benchmarks.sink --elasticsearch http://127.0.0.1:9200
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import sys

from dms_events_nats import NatsServer

from ..bus.scene import Scene
from ..table import Section, print_table, results
from . import growth
from .contestants import SECTIONS
from .elasticsearch import section


async def _run(options: argparse.Namespace, sections: dict[str, Section]) -> None:
    records = []
    async with NatsServer() as server:
        scene = Scene(server.url, options.messages)
        gc.collect()
        gc.freeze()  # what was imported and prepared is nobody's garbage
        for name in options.only or sections:
            found = results(sections[name], await sections[name].measure(scene, options.rounds))
            records += found
            if not options.json:
                print_table(sections[name], found)
    if options.json:
        json.dump({"rows": records}, sys.stdout, indent=2)
        print()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sink", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000, help="in each run of a contestant")
    parser.add_argument("--rounds", type=int, default=7, help="after one that warms up")
    parser.add_argument(
        "--only", choices=[*SECTIONS, "growth", "elasticsearch"], nargs="+", help="these sections"
    )
    parser.add_argument("--elasticsearch", metavar="URL", help="a server, whose dms-* are deleted")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = parser.parse_args()
    sections = {**SECTIONS, "growth": growth.SECTION}
    if options.elasticsearch:
        sections["elasticsearch"] = section(options.elasticsearch.rstrip("/"))
    elif "elasticsearch" in (options.only or ()):
        parser.error("--only elasticsearch needs --elasticsearch URL")
    asyncio.run(_run(options, sections))
    return 0


if __name__ == "__main__":
    sys.exit(main())
