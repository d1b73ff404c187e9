"""``dms-events sink backfill``: carry the documents of one store into another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..errors import ConfigError
from ..sink import ReadableSink, Sink, path_of
from ..urls import scheme_of, sink_for
from ..worker import Backfill, Stats
from ._elasticsearch_options import ElasticsearchSink, elasticsearch_options
from ._given import Given, takes
from ._opening import opened, url_of
from ._running import end_within, finishing, repeated, run
from ._shared import FiguresOption, status
from ._sink import DrainOption, Limits, line_of, print_figures

__all__ = ["backfill"]


@takes(Limits, ElasticsearchSink)
def backfill(
    given: Given,
    from_: Annotated[str, typer.Option("--from", help="Store to read: sqlite:FILE or file:FILE.")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            envvar="DMS_EVENTS_SINK",
            help="Store to fill: sqlite:FILE, file:FILE, or the URL of an Elasticsearch server.",
        ),
    ],
    rejected: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="New file for the refused documents; `--from file:FILE` reads it."
        ),
    ] = None,
    drain: DrainOption = 8.0,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for a store that is not there yet.")
    ] = False,
    json: FiguresOption = False,
) -> None:
    """Fill a store with the documents of another store.

    A document that the store has already counts as a duplicate, and is not stored twice. So the command
    can be run again, also after an interruption. Only `file:` knows no identities, and stores it again.

    Exits with 1 if the store refused documents, or a signal came before the end.
    """
    with url_of("from_"):
        source = sink_for(from_)
    if not isinstance(source, ReadableSink):
        raise ConfigError("--from", f"no documents can be read from {scheme_of(from_)}:")
    if _same(from_, to):
        raise ConfigError("--to", "it is the store that is read; name another one")
    if rejected is not None and rejected.exists():
        raise ConfigError("--rejected", f"{rejected} exists; name a new file")
    with url_of("to"):
        sink = sink_for(to, **elasticsearch_options(given, to, ElasticsearchSink))
    limits = msgspec.structs.asdict(given.of(Limits))
    done = run(_run(source, sink, rejected, limits, drain, wait, json))
    raise typer.Exit(0 if done else 1)


def _same(one: str, other: str) -> bool:
    """True if two URLs name one store. A file that grows while it is read would have no end."""
    if scheme_of(one) != scheme_of(other):
        return False
    try:
        return path_of(one).resolve() == path_of(other).resolve()
    except ConfigError:  # a store of somebody else, which is no file
        return one == other


async def _run(
    source: ReadableSink,
    sink: Sink,
    rejected: Path | None,
    limits: dict[str, Any],
    drain_s: float,
    wait: bool,
    json: bool,
) -> bool:
    """Return True if every document is in the sink now."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(opened(sink, wait=wait))
        kept = await stack.enter_async_context(sink_for(f"file:{rejected}")) if rejected else None
        backfill = Backfill(source, sink, rejected=kept, **limits)
        total = await asyncio.to_thread(source.total)
        with finishing(backfill.stop, at_once=lambda: end_within(drain_s)):
            async with _shown(backfill.stats, total):
                stats = await backfill.run()
        print_figures(stats, json=json)  # closing the sink may hang
        if not backfill.complete:
            status.print("not all documents are carried: run the command again")
        return backfill.complete and not stats.rejected


@asynccontextmanager
async def _shown(stats: Stats, total: int) -> AsyncIterator[None]:
    """Show a progress bar, on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    progress = Progress(*columns, TimeRemainingColumn(), console=status, transient=True)
    bar = progress.add_task("", total=total)

    def show() -> None:
        progress.update(bar, completed=stats.received, description=line_of(stats))

    if not status.is_terminal:
        yield
        return
    with progress:
        async with repeated(show):
            yield
