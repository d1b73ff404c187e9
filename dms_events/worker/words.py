"""Log lines of workers and relays: how they begin, and their figures now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from ..bus import Subscription
from ..errors import TransportError

__all__ = ["figures", "say_figures", "say_start"]

_log = logging.getLogger("dms_events")


async def say_start(
    durable: str | None,
    where: str,
    subscription: Subscription[Any],
    handlers: dict[str, str],
    *,
    if_new: int = logging.WARNING,
) -> None:
    """Log where a worker reads, if its durable is new, how many messages wait, and its handlers.

    If a durable is new although there are stored events, its name may be misspelt: this is logged at the
    level ``if_new``.
    """
    named = ", ".join(f"{pattern} → {name}" for pattern, name in handlers.items())
    if durable is None:
        _log.info("at most once: nothing is stored; reads %s; handlers: %s", where, named)
        return
    try:
        waiting = await subscription.backlog()
    except TransportError as error:
        _log.warning("the backlog of %s on %s is not known: %s", durable, where, error)
        return
    facts = subscription.facts
    if not facts.is_new:
        state = "goes on" if facts.is_new is False else "is read"
        state += f", {waiting:,} waiting or unsettled"
    elif waiting:
        meant = get_close_matches(durable, facts.others, 1)
        state = f"is new and begins with the oldest of {waiting:,} stored events" + (
            f" (did you mean {meant[0]!r}?)" if meant else ""
        )
    else:
        state = "is new and begins with the next event"
    level = if_new if facts.is_new and waiting else logging.INFO
    _log.log(level, "the durable %s on %s %s; handlers: %s", durable, where, state, named)


async def say_figures(
    name: str, said: Callable[[], str], in_hand: Callable[[], int], every_s: float
) -> None:
    """Log the figures every ``every_s`` seconds, if they have changed, until cancelled."""
    before = said()
    while True:
        await asyncio.sleep(every_s)
        if (now := said()) != before:
            before = now
            _log.info("%s: %s, %d in hand", name, now, in_hand())


def figures(counts: Mapping[str, int], first: str) -> str:
    """Return a text of the figure ``first``, and of the others that are not 0."""
    names = [first, *(name for name, count in counts.items() if count and name != first)]
    return " · ".join(f"{counts[name]:,} {name}" for name in names)
