"""``dms-events sink``."""

from __future__ import annotations

import typer

from ._backfill import backfill
from ._sink import sink_run

__all__ = ["app"]

app = typer.Typer(help="Store events in SQLite, Elasticsearch or files.", no_args_is_help=True)
app.command("run")(sink_run)
app.command("backfill")(backfill)
