"""Options and output that several commands share."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from .. import registry
from ..errors import UnknownTypeError
from ..text import visible, visible_json
from ..types._secrets import holds_secret

__all__ = [
    "HIDDEN",
    "FiguresOption",
    "RevealOption",
    "TypesOption",
    "guarded",
    "is_secret",
    "masked",
    "on_reader_gone",
    "out",
    "print_columns",
    "status",
    "visible",
    "visible_json",
]


class _Out(Console):
    def on_broken_pipe(self) -> None:
        self.quiet = True
        raise typer.Exit


out = _Out(highlight=False, soft_wrap=True, emoji=False)
"""For the results of a command."""
status = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty(), emoji=False)
"""For messages of a command while it runs."""

_WIDEST = 80
"""Most characters of a column's alignment."""

RevealOption = Annotated[
    bool, typer.Option("--reveal", help="Show also the payloads of types that hold secrets.")
]
FiguresOption = Annotated[bool, typer.Option("--json", help="Print the final figures as JSON.")]
TypesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        help="Type of the events, or pattern of types. May be repeated.",
        show_default="elk_stats.*",
    ),
]


HIDDEN = "*** (its type holds a secret; --reveal shows it)"
"""The text that is shown instead of a secret payload."""


def is_secret(type_name: str) -> bool:
    """True if a type, by its full or its bare name, is known and holds a secret."""
    try:
        return holds_secret(registry.get(registry.resolve(type_name)))
    except UnknownTypeError:
        return False


def guarded(type_name: str, text: str, reveal: bool) -> str:
    """Return a payload as it may be shown: hidden if its type holds a secret and ``reveal`` is False."""
    return masked(is_secret(type_name), text, reveal)


def masked(secret: bool, text: str, reveal: bool) -> str:
    """Return the text; if it is secret and not to be revealed, return `HIDDEN`."""
    return HIDDEN if secret and not reveal else text


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns, one line each. No cell is cut, so cells can be copied or piped on.

    A very long cell makes only its own row longer.
    """
    widths = [min(_WIDEST, max(map(len, column))) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        out.print(line.rstrip(), markup=False)


@contextmanager
def on_reader_gone(stop: Callable[[], object]) -> Iterator[None]:
    """Call ``stop`` once the reader of a pipe on stdout has gone, as after ``head``."""
    if sys.stdout is None or not stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
        yield
        return
    loop, stdout = asyncio.get_running_loop(), sys.stdout.fileno()

    def gone() -> None:
        loop.remove_reader(stdout)
        stop()

    loop.add_reader(stdout, gone)
    try:
        yield
    finally:
        loop.remove_reader(stdout)
