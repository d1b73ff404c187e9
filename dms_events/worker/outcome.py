"""Outcomes: values that a handler may return to say how it leaves a message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec

from ..errors import ConfigError, HandlerError
from ..sink import Remark, SinkVerdict, Verdict

__all__ = [
    "DONE",
    "DUPLICATE",
    "UNSURE",
    "Again",
    "Dead",
    "Done",
    "Outcome",
    "done_of",
    "outcomes_of",
]


class Done(msgspec.Struct, frozen=True):
    """The message is handled, as it is when its handler returns None."""

    duplicate: bool = False
    """Its event was handled before, so it counts as a duplicate."""
    unsure: bool = False
    """Its event was handled before, perhaps here: it is counted apart."""


class Again(msgspec.Struct, frozen=True):
    """Not now: have the message handled again after ``delay_s`` seconds. It spends no attempt.

    Raises:
        ConfigError: ``delay_s`` is below 0 or not finite.
    """

    delay_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.delay_s < float("inf"):
            raise ConfigError("delay_s", f"must be 0 seconds or more, not {self.delay_s}")


class Dead(msgspec.Struct, frozen=True):
    """Never: the message becomes a dead letter at once, with this error as its reason."""

    error: Exception


Outcome: TypeAlias = Done | Again | Dead

DONE: Final = Done()
DUPLICATE: Final = Done(duplicate=True)
UNSURE: Final = Done(unsure=True)
_KINDS: Final = (Done, Again, Dead)


def done_of(verdict: SinkVerdict) -> Done | None:
    """Return the outcome of a document that the sink has; None if the sink does not have it."""
    match verdict.verdict:
        case Verdict.STORED:
            return DONE
        case Verdict.DUPLICATE:
            return UNSURE if verdict.remark is Remark.UNSURE else DUPLICATE
    return None


def outcomes_of(returned: object, count: int) -> Sequence[Outcome]:
    """Return the outcome of each of ``count`` messages, from the value that their handler returned.

    A single outcome counts for all messages. If no outcome is returned, all messages are done.

    Raises:
        HandlerError: the handler returned outcomes, but not one for each message.
    """
    each = returned if isinstance(returned, list | tuple) else [returned] * count
    outcomes = [one for one in each if isinstance(one, _KINDS)]
    if not outcomes:
        return [DONE] * count
    outcomes = [
        DONE if one is None else one for one in each if one is None or isinstance(one, _KINDS)
    ]
    if not len(each) == len(outcomes) == count:
        raise HandlerError(
            f"it returned {len(outcomes)} outcomes, in {len(each)} values, for {count} messages: "
            "return None, or one outcome for each message, in their order"
        )
    return outcomes
