"""How much a test tries: little in CI, much in ``make soak``, which sets ``DMS_EVENTS_SOAK``."""

from __future__ import annotations

import os
import random

__all__ = ["SOAK", "seeded", "sized"]

SOAK = bool(os.environ.get("DMS_EVENTS_SOAK"))


def sized(ci: int, soak: int) -> int:
    """The size for this run."""
    return soak if SOAK else ci


def seeded(ci: int) -> int:
    """The seed for this run: the same in CI, another one in each soak."""
    return random.randrange(2**32) if SOAK else ci
