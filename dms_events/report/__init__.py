"""One HTML page about what a SQLite sink has stored, by `write_report`; it opens offline."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from ..errors import ConfigError
from . import queries
from .page import render
from .panels import Figures

__all__ = ["write_report"]

_TOP_SERVICES = 10


def write_report(database: Path, out: Path, *, title: str = "DMS events") -> None:
    """Write the page about the documents in ``database`` to ``out``, which is replaced.

    The database is opened read-only, and its figures belong to one moment also while a sink writes.
    Its size does not show in the page's.

    Raises:
        ConfigError: ``database`` is missing or is not what the SQLite sink writes, or ``out``
            cannot be written.
    """
    figures = _figures_of(database)
    page = render(figures, title=title, made=int(time.time()))
    if out.exists() and out.samefile(database):
        raise ConfigError("out", f"{out} is the database; name another file")
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ConfigError("out", f"{out}: {error.strerror or error}") from error


def _figures_of(database: Path) -> Figures | None:
    if not database.is_file():
        raise ConfigError("database", f"{database} is not there; the SQLite sink makes it")
    try:
        uri = f"{database.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.execute("BEGIN")
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
