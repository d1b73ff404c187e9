"""``dms-events record``: write events into a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..urls import sink_for
from ._connection import Connection, connects
from ._opening import opened
from ._running import run
from ._schemes import MAKE_STREAMS, Nats
from ._shared import FiguresOption, TypesOption
from ._sink import FROM, LAST_S, DrainOption, forwarded, storable

__all__ = ["record"]


@connects(Nats, url=FROM, make_streams=MAKE_STREAMS)
def record(
    connection: Connection,
    file: Annotated[Path, typer.Argument(help="File to write, such as events.jsonl.")],
    durable: Annotated[
        str, typer.Option(help="Name of this recording on the server; it continues where it ended.")
    ] = "dms-events-record",
    type_: TypesOption = None,
    rotate_bytes: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="BYTES",
            help="Rename a file of this size by date and number, and begin another.",
        ),
    ] = 1 << 30,
    rotate_daily: Annotated[
        bool, typer.Option("--rotate-daily", help="Begin another file each day, in UTC.")
    ] = False,
    drain: DrainOption = 8.0,
    once: Annotated[
        bool, typer.Option("--once", help="End when all waiting events are recorded.")
    ] = False,
    json: FiguresOption = False,
) -> None:
    """Write events into a file, as lines of JSON, until Ctrl-C or SIGTERM.

    Each line is a stored document with its identity. An event is acknowledged after its line is on disk.
    After a crash a line may be there twice. `dms-events sink backfill` carries a recording into a store.
    """
    sink = sink_for(f"file:{file}", rotate_bytes=rotate_bytes, rotate_daily=rotate_daily)
    settings = {
        "durable": durable,
        "wanted": storable(type_),
        "drain_s": max(0.0, drain - LAST_S),
    }
    run(forwarded(connection, opened(sink, wait=False), settings, drain, None, once, json))
