"""The logs of long-running commands on stderr."""

from __future__ import annotations

import logging
import os
from enum import StrEnum
from typing import Annotated

import typer

__all__ = ["Level", "LogLevelOption", "level_of", "log_on_stderr"]


class Level(StrEnum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LogLevelOption = Annotated[
    Level | None,
    typer.Option("--log-level", help="Lowest level of the logs on stderr.", show_default="info"),
]


def log_on_stderr(level: Level) -> None:
    """Log with times from now on. At level INFO the libp2p library logs only warnings and errors."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    if level is Level.INFO:
        logging.getLogger("libp2p").setLevel(logging.WARNING)


def level_of(given: Level | None) -> Level:
    """Return the level of ``--log-level``; without it DEBUG with ``--debug``, else INFO."""
    return given or (Level.DEBUG if os.environ.get("DMS_EVENTS_DEBUG") else Level.INFO)
