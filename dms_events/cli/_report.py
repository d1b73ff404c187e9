"""``dms-events report``: write the HTML page about a SQLite sink's file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..report import make_report, write_report
from ._shared import out

__all__ = ["report"]


def report(
    database: Annotated[Path, typer.Argument(help="SQLite file that a sink wrote.")],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="FILE",
            help="File of the page; - is standard output.",
            show_default="the database's name with .html",
        ),
    ] = None,
) -> None:
    """Write an HTML page about the events in a SQLite file; the page needs no network."""
    if to == Path("-"):
        print(make_report(database), end="")
        return
    page = to or database.with_suffix(".html")
    write_report(database, page)
    out.print(str(page), markup=False)
