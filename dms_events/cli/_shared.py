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
    "RevealOption",
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
"""What a command answers."""
status = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty(), emoji=False)
"""What it says meanwhile."""

_WIDEST = 80
"""Characters up to which the cells of a column are aligned."""

RevealOption = Annotated[
    bool, typer.Option("--reveal", help="Show payloads also of types that hold a secret.")
]


HIDDEN = "*** (its type holds a secret; --reveal shows it)"
"""What is shown in place of a payload."""


def is_secret(type_name: str) -> bool:
    """Whether a type, by its full or its bare name, is known and holds a secret."""
    try:
        return holds_secret(registry.get(registry.resolve(type_name)))
    except UnknownTypeError:
        return False


def guarded(type_name: str, text: str, reveal: bool) -> str:
    """A payload as it may be shown: not at all where its type holds a secret."""
    return masked(is_secret(type_name), text, reveal)


def masked(secret: bool, text: str, reveal: bool) -> str:
    """A text as it may be shown."""
    return HIDDEN if secret and not reveal else text


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Print rows aligned, one line each: no cell is cut, so that it can be copied or piped on.

    A cell as long as a stranger pleased makes its own row longer, and no other.
    """
    widths = [min(_WIDEST, max(map(len, column))) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        out.print(line.rstrip(), markup=False)


@contextmanager
def on_reader_gone(stop: Callable[[], object]) -> Iterator[None]:
    """Call ``stop`` once nobody reads what is written to a pipe on stdout any more, as after ``head``."""
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
