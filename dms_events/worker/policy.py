"""The failure policy: attempts, backoff and quarantine, as pure rules.

The rules use no clock, no broker and no random numbers. A worker follows them on every transport.

* A message that was delivered before is a suspect, since it may have killed the process that had it. It
  is no suspect if it is known that its handler only raised, or that it was given back.
* Suspects are handled in *quarantine*: in groups, while nothing else is handled. If the process dies,
  each suspect of the group is tried in a group of half the size, so few deaths find the one to blame.
* Only a raise, or a crash while alone in its group, spends an attempt. A process that dies holding a
  batch raises the broker's delivery count of every innocent in it, so that count decides nothing here.
* The attempts are written down where the readers of a durable find them (`AttemptRecord`): before a
  suspect is handled, after its handler raised, and when a worker that stops gives it back.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec

from ..errors import ConfigError
from .attempts import AttemptRecord

__all__ = ["MOST_TOGETHER", "Decision", "RetryPolicy", "group_size", "may_join"]

MOST_TOGETHER = 64
"""How many suspects are tried at a time if nothing is known of them."""


class Decision(Enum):
    """How a message is handled."""

    RUN = "beside others"
    QUARANTINE = "as a suspect"
    BURY = "not at all"


def may_join(record: AttemptRecord | None) -> int:
    """Return the size of the largest group in which a suspect may be tried."""
    return record.together if record is not None and record.suspect else MOST_TOGETHER


def group_size(limits: Iterable[int]) -> int:
    """Return how many of the waiting suspects, from the first on, form the next group."""
    size, least = 0, MOST_TOGETHER
    for limit in limits:
        least = min(least, limit)
        if size >= least:
            break
        size += 1
    return size


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often a handler may raise, and how long its message waits in between.

    The wait before attempt n + 1 is drawn evenly from 0 to ``backoff_s`` × 2ⁿ⁻¹ seconds, or to
    ``backoff_max_s`` if that is less (full jitter).

    Raises:
        ConfigError: ``attempts`` is below 1, or a number of seconds below 0.
    """

    attempts: int = 5
    backoff_s: float = 1.0
    backoff_max_s: float = 300.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ConfigError("attempts", f"must be at least 1, not {self.attempts}")
        for name in ("backoff_s", "backoff_max_s"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(name, f"must be 0 seconds or more, not {getattr(self, name)}")

    def on_redelivery(self, record: AttemptRecord | None, delivery: int) -> Decision:
        """Decide on the ``delivery``-th delivery of a message, by the record of its attempts."""
        if record is None:
            return Decision.QUARANTINE
        if record.spent >= self.attempts:
            return Decision.BURY
        # Otherwise a process had it in between, and died before it could write.
        known = not record.suspect and delivery == record.delivery + 1
        return Decision.RUN if known else Decision.QUARANTINE

    def on_start_in_quarantine(
        self, record: AttemptRecord | None, delivery: int, now: str, *, group: int
    ) -> AttemptRecord:
        """Return the record to write before a suspect is handled in a group of ``group``."""
        spent = (record.spent if record else 0) + (group == 1)
        first = (record.first if record else "") or (now if group == 1 else "")
        return AttemptRecord(spent, True, delivery, first, max(1, group // 2))

    def on_raise(
        self, record: AttemptRecord | None, delivery: int, now: str, *, alone: bool
    ) -> AttemptRecord:
        """Return the record after its handler raised. If no attempt is `left`, give it up instead."""
        if record is None:
            return AttemptRecord(1, False, delivery, now)
        spent = record.spent if alone else record.spent + 1  # alone, it was counted at the start
        return AttemptRecord(spent, False, delivery, record.first or now)

    def on_give_back(
        self, record: AttemptRecord | None, delivery: int, *, alone: bool = False
    ) -> AttemptRecord:
        """Return the record of a message given back, which spends no attempt and makes no suspect."""
        if record is None:
            return AttemptRecord(0, False, delivery, "")
        spent = record.spent - 1 if alone else record.spent  # alone, it was counted at the start
        return AttemptRecord(spent, False, delivery, record.first)

    def on_interruption(self, record: AttemptRecord, delivery: int, *, group: int) -> AttemptRecord:
        """Return the record of a message interrupted in quarantine, which spends no attempt."""
        return AttemptRecord(record.spent - (group == 1), True, delivery, record.first, group)

    def left(self, record: AttemptRecord) -> int:
        """Return how many attempts are left."""
        return max(0, self.attempts - record.spent)

    def delay_s(self, spent: int, chance: float) -> float:
        """Return the wait after ``spent`` attempts; ``chance`` is drawn evenly from 0 to 1."""
        doublings = min(spent - 1, 64)
        return chance * min(self.backoff_max_s, self.backoff_s * 2.0**doublings)
