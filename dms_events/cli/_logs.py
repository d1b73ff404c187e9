"""What commands that run for long log on stderr."""

from __future__ import annotations

import logging
import os
from enum import StrEnum
from typing import Annotated

import typer

__all__ = ["Level", "LogLevelOption", "level_of", "log_on_stderr"]


class Level(StrEnum):
    """What is logged, and what is worse."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LogLevelOption = Annotated[
    Level | None, typer.Option("--log-level", help="What to log on stderr.  [default: info]")
]


def log_on_stderr(level: Level) -> None:
    """Log with times from now on; of the libp2p library no more than warnings, unless for debugging."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )
    if level is Level.INFO:
        logging.getLogger("libp2p").setLevel(logging.WARNING)


def level_of(given: Level | None) -> Level:
    """The level that is asked for, by its own option or by ``--debug``."""
    return given or (Level.DEBUG if os.environ.get("DMS_EVENTS_DEBUG") else Level.INFO)
