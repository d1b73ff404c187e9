"""``dms-events demo``: events of this machine and of a simulated fleet, forwarded and reported."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..demo.run import Demo, Outcome
from ._running import finishing, run
from ._shared import out, status

__all__ = ["demo"]

_LINE_EVERY_S = 2.0


def demo(
    devices: Annotated[int, typer.Option(help="Number of devices in the simulated fleet.")] = 200,
    events: Annotated[int, typer.Option(help="Number of events of the fleet.")] = 50_000,
    seed: Annotated[int, typer.Option(help="Seed of the fleet's random numbers.")] = 1,
    keep: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for the database and the report.",
            show_default="dms-events-demo/TIME",
        ),
    ] = None,
    elasticsearch: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="URL of an Elasticsearch server that stores the events too."
        ),
    ] = None,
) -> None:
    """Show the whole path of an event in a minute, with a real NATS server.

    The demo starts a nats-server with JetStream on a free loopback port. It publishes events of this
    machine (measured) and of a simulated fleet (the last ten days), stores all of them in SQLite, and
    counts both ends. The exit code is 1 unless all published events are stored. Ctrl-C ends publishing,
    and the demo still reports the true numbers. A second Ctrl-C ends the demo at once.
    """
    folder = keep or Path("dms-events-demo") / f"{datetime.now():%Y%m%d-%H%M%S}"
    with Display() as display:
        demo = Demo(
            devices=devices,
            events=events,
            seed=seed,
            folder=folder,
            elasticsearch=elasticsearch,
            progress=display.show,
        )
        display.begin(demo)
        outcome = run(_run(demo))
    _print(outcome)
    raise typer.Exit(0 if outcome.complete else 1)


async def _run(demo: Demo) -> Outcome:
    this = asyncio.current_task()

    def stop() -> None:
        if demo.moving:
            demo.interrupt()
        elif this is not None:
            this.cancel()  # no event has been published yet

    with finishing(stop):
        return await demo.run()


class Display:
    """Two progress bars on a terminal; a line every other second elsewhere."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description:>9}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TextColumn("[dim]{task.fields[rate]}"),
            TimeElapsedColumn(),
            console=status,
            disable=not status.is_terminal,
        )
        self._total = 0
        self._started = self._line_at = time.monotonic()

    def __enter__(self) -> Display:
        return self

    def __exit__(self, *exc: object) -> None:
        self._bars.stop()

    def begin(self, demo: Demo) -> None:
        """Print the machine and the way of the events, and start the bars."""
        status.print(f"This machine: {demo.machine}")
        status.print(
            f"{demo.total:,} events → nats-server (JetStream) → forwarder → {demo.database}"
        )
        self._total = demo.total
        self._bars.add_task("published", total=demo.total, rate="")
        self._bars.add_task("settled", total=demo.total, rate="")
        self._bars.start()
        self._started = self._line_at = time.monotonic()

    def show(self, published: int, settled: int) -> None:
        """Show the progress."""
        now = time.monotonic()
        for task, done in zip(self._bars.task_ids, (published, settled), strict=True):
            rate = f"{done / max(0.001, now - self._started):,.0f}/s"
            self._bars.update(task, completed=done, rate=rate)
        if self._bars.disable and now - self._line_at >= _LINE_EVERY_S:
            self._line_at = now
            status.print(f"  published {published:,} · settled {settled:,} of {self._total:,}")


def _print(outcome: Outcome) -> None:
    table = Table(title="Published events, and events in the database", title_justify="left")
    table.add_column("type")
    for name in ("published", "stored", "duplicates", "rejected"):
        table.add_column(name, justify="right")
    for row in outcome.rows:
        figures = (row.published, row.stored, row.duplicates, row.rejected)
        table.add_row(row.type_name, *(f"{n:,}" for n in figures))
    table.add_section()
    sums = (
        outcome.published,
        outcome.stored,
        sum(r.duplicates for r in outcome.rows),
        sum(r.rejected for r in outcome.rows),
    )
    table.add_row("all", *(f"{n:,}" for n in sums), style="bold")
    out.print(table)
    rate = outcome.published / max(0.001, outcome.seconds)
    out.print(f"{rate:,.0f} events/s, published and stored, in {outcome.seconds:.1f} s")
    if outcome.elasticsearch is not None:
        e = outcome.elasticsearch
        out.print(
            f"Elasticsearch: {e.stored:,} stored, {e.duplicates:,} duplicates, "
            f"{e.rejected:,} rejected; it now holds {sum(e.present.values()):,} documents"
        )
    if outcome.interrupted:
        out.print("Interrupted: the other events of the fleet were not published.")
    if not outcome.complete:
        out.print("[bold red]Not all published events are stored.[/]")
    out.print(f"database  {outcome.database}")
    out.print(f"report    {outcome.report}")
