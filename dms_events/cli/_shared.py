"""Options and helpers that several commands use."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

__all__ = ["RootOption", "UrlOption", "on_interrupt", "out", "status"]

out = Console(highlight=False, soft_wrap=True)
"""What a command answers."""
status = Console(stderr=True, highlight=False, soft_wrap=True)
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
