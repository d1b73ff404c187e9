"""The index of a document: the event alone decides it; there is one for each type and month."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache, lru_cache

__all__ = ["dataset_of", "index_of"]

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


@cache
def dataset_of(type_name: str) -> str:
    """``elk_stats.ServiceCall`` → ``elk_stats.service_call``."""
    module, _, name = type_name.partition(".")
    return f"{module}.{_WORD.sub('_', name).lower()}"


def index_of(dataset: str, time: datetime) -> str:
    """Return the monthly index of an event: a function of the event, never of the time of writing.

    Deduplication by ``_id`` holds within one index only, so the same event must always go to the same
    index.
    """
    return _name(dataset, time.year, time.month)


@lru_cache(maxsize=4096)
def _name(dataset: str, year: int, month: int) -> str:
    return f"dms-{dataset}-{year:04}.{month:02}"
