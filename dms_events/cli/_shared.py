"""Options, output and interrupt handling that several commands share."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from .. import registry
from ..errors import UnknownTypeError
from ..types._secrets import holds_secret

__all__ = [
    "HIDDEN",
    "RevealOption",
    "RootOption",
    "UrlOption",
    "guarded",
    "is_secret",
    "masked",
    "on_interrupt",
    "out",
    "print_columns",
    "status",
    "visible",
]

out = Console(highlight=False, soft_wrap=True)
"""What a command answers."""
status = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())
"""What it says meanwhile."""

UrlOption = Annotated[
    str,
    typer.Option(
        "--url", envvar="DMS_EVENTS_URL", help="Where the bus is.", rich_help_panel="Connection"
    ),
]
RootOption = Annotated[
    str,
    typer.Option(
        envvar="DMS_EVENTS_ROOT", help="First part of all subjects.", rich_help_panel="Connection"
    ),
]


RevealOption = Annotated[
    bool, typer.Option("--reveal", help="Show payloads also of types that hold a secret.")
]


def visible(text: str) -> str:
    """Text of strangers: what would move the cursor, colour or fake a line is escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


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
    """Print rows aligned, one line each: no cell is cut, so that it can be copied or piped on."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        out.print(line.rstrip(), markup=False)


@contextmanager
def on_interrupt(stop: Callable[[], object]) -> Iterator[None]:
    """Call ``stop`` at SIGINT or SIGTERM; a second SIGINT ends the process as usual."""
    loop = asyncio.get_running_loop()

    def once() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        stop()

    loop.add_signal_handler(signal.SIGINT, once)
    loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGTERM)
