"""Find the templates of others that take an index away from ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

__all__ = ["Rival", "rivals"]


class Rival(NamedTuple):
    """An index template of somebody else that wins over one of ours, or keeps it from being installed."""

    name: str
    pattern: str
    priority: int
    over: str
    """The pattern of ours that it takes."""

    def __str__(self) -> str:
        return f"{self.name} ({self.pattern}, priority {self.priority}) takes {self.over}"


def rivals(
    templates: Mapping[str, Mapping[str, Any]], ours: Iterable[str], priority: int
) -> list[Rival]:
    """Return the templates that take indices of ours, each with the first of our patterns that it takes.

    The server refuses two templates of one priority for one index, so that an equal one counts too.

    Args:
        templates: all index templates of the server but ours, by name.
        ours: our patterns, in which ``?`` is any character.
        priority: the priority of our templates.
    """
    wanted = list(ours)
    found = []
    for name, template in templates.items():
        if (rank := template.get("priority") or 0) < priority:
            continue
        for pattern in template.get("index_patterns", ()):
            taken = next((own for own in wanted if _overlap(pattern, own)), None)
            if taken is not None:
                found.append(Rival(name, pattern, rank, taken))
                break
    return found


def _overlap(theirs: str, ours: str) -> bool:
    """True if a name can fit both patterns: ``*`` is any text in theirs, ``?`` any character in ours."""
    reached = {0}  # places in `ours` at which `theirs` may have got to
    for char in theirs:
        if char == "*":
            reached = set(range(min(reached), len(ours) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(ours) and ours[at] in ("?", char)}
        if not reached:
            return False
    return len(ours) in reached
