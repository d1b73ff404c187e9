"""Figures of a worker or a forwarder, by outcome and type, which add up."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sized
from typing import Any, Final, Protocol

from ..sink import Remark
from .delays import Delays
from .durations import Durations
from .outcome import Done

__all__ = ["BY_TYPE", "Stats"]

_TAKEN: Final = (
    "handled",
    "duplicates",
    "unsure",
    "redelivered",
    "rejected",
    "undecodable",
    "returned",
    "lost",
    "for_others",
)
_BESIDE: Final = (
    "again",
    "delayed",
    "raised",
    "unavailable",
    "failure_store",
    "left_out",
    "renamed",
    "dropped",
    "differing_claims",
    "answered",
    "refused",
)
BY_TYPE: Final = ("handled", "duplicates", "unsure", "again", "rejected")


class Reading(Protocol):
    """The counts of a subscription; see `dms_events.Subscription`."""

    @property
    def undecodable(self) -> int: ...
    @property
    def for_others(self) -> int: ...
    @property
    def dropped(self) -> int: ...
    @property
    def differing_claims(self) -> int: ...
    async def backlog(self) -> int: ...


class Stats:
    """What one run of a worker or a forwarder did, in messages.

    The sum of `handled`, `duplicates`, `unsure`, `redelivered`, `rejected`, `undecodable`, `returned`,
    `lost` and `for_others` is `received`: all messages that it took. The figures are true at any time;
    all but `delayed` only grow.
    """

    def __init__(self) -> None:
        self.handled_by_type: defaultdict[str, int] = defaultdict(int)
        self.duplicates_by_type: defaultdict[str, int] = defaultdict(int)
        self.unsure_by_type: defaultdict[str, int] = defaultdict(int)
        self.again_by_type: defaultdict[str, int] = defaultdict(int)
        self.rejected_by_type: defaultdict[str, int] = defaultdict(int)
        self.redelivered = 0
        """Redeliveries of a message, while it was handled or after: acknowledged again."""
        self.returned = 0
        """Messages given back: to be tried later, or at the end."""
        self.lost = 0
        """Messages not handled when a worker without a durable ended."""
        self.raised = 0
        """How often a handler raised on a single message."""
        self.unavailable = 0
        """How often the sink could not take a batch, which was held and written again."""
        self._remarks: Counter[Remark] = Counter()
        self.answered = 0
        """Requests that were answered with an event; counted at the end, like the next two."""
        self.refused = 0
        """Requests that were answered with an error."""
        self.differing_claims_of_requests = 0
        self.reading: Reading | None = None
        """The subscription, which counts what never reaches a handler."""
        self.delays = Delays()
        self.writes = Durations()
        """The time of each write to the sink."""
        self.held: Sized = ()
        """The messages that are taken and not settled."""

    @property
    def handled(self) -> int:
        """Messages that a handler finished; for a forwarder: messages that the sink stored."""
        return sum(self.handled_by_type.values())

    @property
    def stored(self) -> int:
        """`handled`, by the word of a sink."""
        return self.handled

    @property
    def duplicates(self) -> int:
        """Other messages of an identity that was handled, or that the sink had stored, before."""
        return sum(self.duplicates_by_type.values())

    @property
    def unsure(self) -> int:
        """Messages that the sink had stored before, perhaps for this run: an earlier answer was lost."""
        return sum(self.unsure_by_type.values())

    def counts_of(self, outcome: Done) -> defaultdict[str, int]:
        """Return the counts by type to which a message with this outcome belongs."""
        if outcome.unsure:
            return self.unsure_by_type
        return self.duplicates_by_type if outcome.duplicate else self.handled_by_type

    def remark(self, remark: Remark) -> None:
        """Count a remark of a sink; `Remark.UNSURE` is counted by its outcome."""
        self._remarks[remark] += 1

    @property
    def failure_store(self) -> int:
        """Documents that the sink keeps where it keeps failures."""
        return self._remarks[Remark.FAILURE_STORE]

    @property
    def left_out(self) -> int:
        """Documents that a rule of the sink's operator leaves out."""
        return self._remarks[Remark.LEFT_OUT]

    @property
    def renamed(self) -> int:
        """Documents to which a rule of the sink's operator gave another id."""
        return self._remarks[Remark.RENAMED]

    @property
    def rejected(self) -> int:
        """Messages given up; kept as dead letters if there is a durable."""
        return sum(self.rejected_by_type.values())

    @property
    def again(self) -> int:
        """How often a handler or a sink said that it takes a message later."""
        return sum(self.again_by_type.values())

    @property
    def undecodable(self) -> int:
        """Messages that could not be read; kept as dead letters if there is a durable."""
        return self.reading.undecodable if self.reading else 0

    @property
    def for_others(self) -> int:
        """Replays of other readers' dead letters: acknowledged, and not handled."""
        return self.reading.for_others if self.reading else 0

    @property
    def dropped(self) -> int:
        """Messages thrown away before they were taken, for lack of room."""
        return self.reading.dropped if self.reading else 0

    @property
    def differing_claims(self) -> int:
        """Messages and requests whose envelope claims another source than the transport knows."""
        of_messages = self.reading.differing_claims if self.reading else 0
        return of_messages + self.differing_claims_of_requests

    @property
    def received(self) -> int:
        """All messages that were taken."""
        return sum(getattr(self, name) for name in _TAKEN)

    @property
    def in_hand(self) -> int:
        """Messages that are taken and not settled."""
        return len(self.held)

    @property
    def delayed(self) -> int:
        """Messages that were given back with a delay, for an outcome `Again`, and are not due yet."""
        return self.delays.count

    @property
    def by_type(self) -> dict[str, dict[str, int]]:
        """The counts by type that are not 0: `handled`, `duplicates`, `unsure`, `again`, `rejected`."""
        types: dict[str, dict[str, int]] = {}
        for name in BY_TYPE:
            for type_name, count in getattr(self, f"{name}_by_type").items():
                types.setdefault(type_name, {})[name] = count
        return types

    def figures(self) -> dict[str, int]:
        """Return all figures by name, those of 0 too, except `received`."""
        return {name: getattr(self, name) for name in (*_TAKEN, *_BESIDE)}

    def as_dict(self) -> dict[str, Any]:
        """Return all figures, and `by_type`, for JSON."""
        return {"received": self.received, **self.figures(), "by_type": self.by_type}

    def __repr__(self) -> str:
        said = " ".join(f"{name}={count}" for name, count in self.figures().items() if count)
        return f"<Stats {said or 'nothing'}>"
