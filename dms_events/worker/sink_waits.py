"""Why documents wait for a sink: said at once, when the reason changes, and once a minute."""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from math import inf
from time import monotonic

__all__ = ["Later", "Outage"]

_log = logging.getLogger("dms_events")

_EVERY_S = 60.0
_CHANGE_S = 1.0
"""A change of the reason is said no more often than this."""
_MOST_KINDS = 50
_DETAILS = re.compile(r"\[[^\]]*\]|'[^']*'|[\w@.$/-]*\d[\w@.$/-]*")
_STATUS = re.compile(r"[1-5]\d\d")
_KIND_LENGTH = 120


def _kind(reason: str) -> str:
    """Return the beginning of a reason without names and numbers, but for the status of an answer."""
    kept = _DETAILS.sub(lambda found: found[0] if _STATUS.fullmatch(found[0]) else "", reason)
    return kept[:_KIND_LENGTH]


def _clock(time: datetime) -> str:
    return f"{time:%H:%M:%S} UTC"


class Outage:
    """A time in which the sink takes nothing. Its log lines have counts, the reason and the beginning."""

    def __init__(self) -> None:
        self.failures = 0
        """How often in a row the sink took nothing; 0 while it takes documents."""
        self.overloaded = False
        """True if the sink is there and has no room."""
        self._tries = 0
        self._documents = 0
        self.reason = ""
        self._since = datetime.now(UTC)
        self._since_s = 0.0
        self._told = False
        """True if a log line says that documents wait, and none says that they do not."""
        self._told_kind = ""
        self._told_s = -inf

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return monotonic() - self._since_s

    def add(self, reason: str, documents: int, *, overloaded: bool, progress: bool) -> None:
        """Record that the sink did not take a batch, or only a part of it (``progress``).

        Args:
            documents: how many wait in all.
        """
        if not self.failures:
            self._since, self._since_s, self._tries = datetime.now(UTC), monotonic(), 0
        self.failures = 1 if progress else self.failures + 1
        self.overloaded = overloaded
        self._tries += 1
        self._documents = documents
        self.reason = reason
        self.remind()

    def remind(self) -> None:
        """Say why documents wait, if it is time to."""
        silence_s, kind = monotonic() - self._told_s, _kind(self.reason)
        if silence_s < (_CHANGE_S if kind != self._told_kind else _EVERY_S):
            return
        self._told, self._told_kind, self._told_s = True, kind, monotonic()
        _log.warning(
            "%d documents wait for the sink, since %s (%.0f s, tried %d times): %s",
            self._documents,
            _clock(self._since),
            self.seconds,
            self._tries,
            self.reason,
        )

    def end(self) -> None:
        """Record that the sink took a batch."""
        if self._told:
            _log.warning("the sink takes documents again, after %.1f s", self.seconds)
            self._told = False
        self.failures = 0


class _Reason:
    def __init__(self) -> None:
        self.since = datetime.now(UTC)
        self.times = 0
        self.told_s = -inf


class Later:
    """Documents that the sink takes later, by reason. Each reason is said at once and once a minute."""

    def __init__(self) -> None:
        self._reasons: dict[str, _Reason] = {}

    def add(self, reason: str, documents: int) -> None:
        """Record that so many documents of one batch are written later."""
        kind = _kind(reason)
        known = self._reasons.pop(kind, None) or _Reason()
        self._reasons[kind] = known
        if len(self._reasons) > _MOST_KINDS:
            del self._reasons[next(iter(self._reasons))]
        known.times += documents
        if monotonic() - known.told_s < _EVERY_S:
            return
        known.told_s = monotonic()
        _log.warning(
            "%d documents are written later (%d times since %s): %s",
            documents,
            known.times,
            _clock(known.since),
            reason,
        )
