"""The checker of a churn run, from outside: it knows what was sent, what was heard, and who was up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

import msgspec

__all__ = ["Life", "Sent", "Verdict", "check"]


class Life(NamedTuple):
    """A node from its start until it was stopped."""

    node: str
    from_s: float
    until_s: float


class Sent(NamedTuple):
    """A message that a node was told to publish."""

    number: int
    by: str
    at_s: float


class Verdict(msgspec.Struct):
    """What came of the messages whose publisher and reader were up before and after."""

    wanted: int = 0
    """Pairs of a message and a node that had to hear it."""
    lost: list[tuple[Sent, str]] = []
    """Of these, the messages that the node did not hear."""

    @property
    def share(self) -> float:
        """The part that arrived, 0 to 1; 1 where none had to."""
        return 1 - len(self.lost) / self.wanted if self.wanted else 1.0


def check(
    sent: Sequence[Sent], heard: Mapping[str, Set[int]], lives: Iterable[Life], slack_s: float
) -> Verdict:
    """Judge a run.

    Args:
        sent: all messages.
        heard: by node, the numbers of the messages that it heard in any of its lives.
        lives: when each node was up.
        slack_s: a node has to hear, and to be heard, if it was up for so long before and after.
    """
    spans: dict[str, list[Life]] = {}
    for life in lives:
        spans.setdefault(life.node, []).append(life)

    def was_up(node: str, at_s: float) -> bool:
        return any(x.from_s + slack_s <= at_s <= x.until_s - slack_s for x in spans[node])

    verdict = Verdict()
    for message in sent:
        if not was_up(message.by, message.at_s):
            continue
        for node in spans:
            if node != message.by and was_up(node, message.at_s):
                verdict.wanted += 1
                if message.number not in heard.get(node, ()):
                    verdict.lost.append((message, node))
    return verdict
