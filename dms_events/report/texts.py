"""Times as short texts, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["clock", "clock_range", "date_range", "duration"]

_UNITS = ((7 * 86400, "week"), (86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def clock(second: int) -> str:
    """``2 Jan 2025 03:04``."""
    time = datetime.fromtimestamp(second, UTC)
    return f"{_date(time)} {time:%H:%M}"


def clock_range(start: int, end: int) -> str:
    """``2 Jan 2025 03:00–06:00``; with the date of the end if it is on another day."""
    if start == end:
        return clock(start)
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
    until = f"{last:%H:%M}" if first.date() == last.date() else clock(end)
    return f"{clock(start)}–{until}"


def date_range(start: int, end: int) -> str:
    """Return the dates of a span without ``end``: ``2 Jan 2025`` or ``2 Jan 2025–3 Jan 2025``."""
    first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end - 1, UTC)
    return _date(first) if first.date() == last.date() else f"{_date(first)}–{_date(last)}"


def duration(seconds: int) -> str:
    """Return words that can follow "per": ``hour``, ``3 hours``, ``week``."""
    unit, name = next((unit, name) for unit, name in _UNITS if seconds % unit == 0)
    count = seconds // unit
    return name if count == 1 else f"{count} {name}s"


def _date(time: datetime) -> str:
    return f"{time.day} {time:%b %Y}"
