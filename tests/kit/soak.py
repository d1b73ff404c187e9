"""How much a test tries: little in CI, much in ``make soak``, which sets ``DMS_EVENTS_SOAK``.

Its value says for how long those tests go on that may go on for hours: 1 for minutes, 60 for an hour.
"""

from __future__ import annotations

import os
import random

__all__ = ["SOAK", "seeded", "sized", "soak_rounds"]

_TIMES = int(os.environ.get("DMS_EVENTS_SOAK") or 0)
SOAK = _TIMES > 0


def sized(ci: int, soak: int) -> int:
    """The size for this run."""
    return soak if SOAK else ci


def soak_rounds(ci: int, soak: int) -> int:
    """How often something is done in this run, which may go on for hours."""
    return soak * _TIMES if SOAK else ci


def seeded(ci: int) -> int:
    """The seed for this run: the same in CI, another one in each soak."""
    return random.randrange(2**32) if SOAK else ci
