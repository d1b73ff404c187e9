"""The failure policy: attempts, backoff and quarantine, as pure rules.

The rules use no clock, no broker and no dice. A worker does what it says, on every transport alike.

* A message that was delivered before is in *quarantine*: it is handled alone, since it may have killed
  the process that had it; unless it is known that its handler only raised, or that it was given back.
* Only a raise, or a crash while alone, spends an attempt. A process that dies holding a batch raises the
  broker's delivery count of every innocent in it, so that count decides nothing here.
* The attempts are written down where the readers of a durable find them (`AttemptRecord`): before a
  message is handled alone, after its handler raised, and when a worker that stops gives it back.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from ..errors import ConfigError
from .attempts import AttemptRecord

__all__ = ["Decision", "RetryPolicy"]


class Decision(Enum):
    """How a message is handled."""

    RUN = "beside others"
    ALONE = "in quarantine"
    BURY = "not at all"


class RetryPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often a handler may raise, and how long its message waits in between.

    The wait before attempt n + 1 is drawn evenly from 0 to ``backoff_s`` × 2ⁿ⁻¹ seconds (full jitter),
    of which ``backoff_max_s`` is the most.

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
                raise ConfigError(name, f"must be seconds from 0 on, not {getattr(self, name)}")

    def on_redelivery(self, record: AttemptRecord | None, delivery: int) -> Decision:
        """A message arrived for the ``delivery``-th time, and this is what is written down of it."""
        if record is None:
            return Decision.ALONE
        if record.spent >= self.attempts:
            return Decision.BURY
        # Otherwise somebody had it in between, and did not live to write.
        known = not record.suspect and delivery == record.delivery + 1
        return Decision.RUN if known else Decision.ALONE

    def on_start_alone(
        self, record: AttemptRecord | None, delivery: int, now: str
    ) -> AttemptRecord:
        """It is going to be handled alone: this has to be written down before."""
        if record is None:
            return AttemptRecord(1, True, delivery, now)
        return AttemptRecord(record.spent + 1, True, delivery, record.first or now)

    def on_raise(
        self, record: AttemptRecord | None, delivery: int, now: str, *, alone: bool
    ) -> AttemptRecord:
        """Its handler raised: what to write down. Where no attempt is `left`, bury it instead."""
        if record is None:
            return AttemptRecord(1, False, delivery, now)
        spent = record.spent if alone else record.spent + 1  # alone, it was counted at the start
        return AttemptRecord(spent, False, delivery, record.first or now)

    def on_give_back(
        self, record: AttemptRecord | None, delivery: int, *, alone: bool = False
    ) -> AttemptRecord:
        """It is given back by us, or by its handler, which spends nothing: nobody has to suspect it."""
        if record is None:
            return AttemptRecord(0, False, delivery, "")
        spent = record.spent - 1 if alone else record.spent  # alone, it was counted at the start
        return AttemptRecord(spent, False, delivery, record.first)

    def on_interruption_alone(self, record: AttemptRecord, delivery: int) -> AttemptRecord:
        """It was interrupted by us while alone, which spends nothing: what to write down."""
        return AttemptRecord(record.spent - 1, True, delivery, record.first)

    def left(self, record: AttemptRecord) -> int:
        """How many attempts are left."""
        return max(0, self.attempts - record.spent)

    def delay_s(self, spent: int, chance: float) -> float:
        """The wait after ``spent`` attempts; ``chance`` is evenly drawn from 0 to 1."""
        doublings = min(spent - 1, 64)
        return chance * min(self.backoff_max_s, self.backoff_s * 2.0**doublings)
