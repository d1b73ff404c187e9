"""One HTML page about the documents of a SQLite sink; it opens offline."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path

from ..database import reading
from ..errors import ConfigError
from . import queries
from .page import render
from .panels import Figures

__all__ = ["make_report", "write_report"]

_TOP_SERVICES = 10


def make_report(database: str | os.PathLike[str], *, title: str = "DMS events") -> str:
    """Return the page about the documents in ``database``, as HTML.

    The database is opened read-only. All figures are of one moment, even while a sink writes. The size of
    the page does not depend on the size of the database.

    Raises:
        ConfigError: ``database`` is missing, or is not a database of the SQLite sink.
    """
    return render(_figures_of(Path(database)), title=title, made=int(time.time()))


def write_report(
    database: str | os.PathLike[str], out: str | os.PathLike[str], *, title: str = "DMS events"
) -> None:
    """Write the page of `make_report` to ``out``, which is replaced.

    Raises:
        ConfigError: ``database`` is missing or is not a database of the SQLite sink, or ``out``
            is the database or cannot be written.
    """
    page, out = make_report(database, title=title), Path(out)
    if out.exists() and out.samefile(database):
        raise ConfigError("out", f"{out} is the database; name another file")
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError("out", f"{out}: {error.strerror or error}") from error


def _figures_of(database: Path) -> Figures | None:
    if not database.is_file():
        raise ConfigError("database", f"{database} does not exist; the SQLite sink makes it")
    try:
        with reading(database) as connection:
            return _read(connection)
    except sqlite3.Error as error:
        reason = f"{database} is not a readable database of the SQLite sink: {error}"
        raise ConfigError("database", reason) from error


def _read(connection: sqlite3.Connection) -> Figures | None:
    types = queries.types(connection)
    if not types:
        return None
    span = queries.span_of(types)
    return Figures(
        types=types,
        span=span,
        growth=queries.growth(connection, span),
        calls=queries.calls(connection, span),
        payments=queries.payments(connection, span),
        top_services=queries.top_services(connection, _TOP_SERVICES),
        services=queries.services(connection),
    )
