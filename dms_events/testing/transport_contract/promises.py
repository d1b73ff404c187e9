"""A test of the suite: the promises that it needs, and its words when it fails."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from ...transport import Capability, SupportsDeadLetters, SupportsRequests
from .harness import TransportHarness

__all__ = [
    "ACKNOWLEDGES",
    "BELIEVES",
    "DEDUPES",
    "DROPS",
    "DURABLE",
    "FULL",
    "LIMITED",
    "ORDERED",
    "PROVES",
    "REQUESTS",
    "SHARED_REQUESTS",
    "STORES",
    "UNACKNOWLEDGED",
    "Need",
    "needs_of",
    "promise",
    "why_not",
]

Test = Callable[..., Awaitable[None]]


class Need(NamedTuple):
    """A condition under which a test runs."""

    reason: str
    """Why the test is skipped where the condition does not hold."""
    holds: Callable[[TransportHarness], bool]


def _promised(name: str) -> Need:
    reason = f"the transport does not promise it: Guarantees.{name} is False"
    return Need(reason, lambda harness: bool(getattr(harness.guarantees, name)))


def _full(effect: str) -> Need:
    reason = f"the transport does not promise it: Guarantees.full is not {effect!r}"
    return Need(reason, lambda harness: harness.guarantees.full == effect)


def _capable(kind: type[Capability]) -> Need:
    reason = f"the transport does not have the capability {kind.__name__}"
    return Need(reason, lambda harness: harness.transport().capability(kind) is not None)


ACKNOWLEDGES = _promised("acknowledges")
DURABLE = _promised("durable")
PROVES = _promised("authenticates")
DEDUPES = _promised("dedupes")
ORDERED = _promised("ordered")
FULL = _full("error")
DROPS = _full("drop")
UNACKNOWLEDGED = Need(
    "the transport promises more: Guarantees.acknowledges is True",
    lambda harness: not harness.guarantees.acknowledges,
)
BELIEVES = Need(
    "the transport proves the source: Guarantees.authenticates is True",
    lambda harness: not harness.guarantees.authenticates,
)
LIMITED = Need(
    "a message over the limit would be too large for a test: max_payload is above 4 MiB",
    lambda harness: harness.transport().max_payload <= 4 << 20,
)
REQUESTS = _capable(SupportsRequests)
_looks_up = _capable(SupportsDeadLetters)
STORES = Need(
    f"{_looks_up.reason}, or stores nothing",
    lambda harness: harness.guarantees.acknowledges and _looks_up.holds(harness),
)
SHARED_REQUESTS = Need(
    "a request of this transport names the peer that answers",
    lambda harness: not harness.addressed,
)


def promise(*needs: Need) -> Callable[[Test], Test]:
    """Make a test of a promise out of a coroutine function.

    Its docstring begins with the promise. The paragraph behind ``To mend it:`` is for an implementer
    whose transport breaks it. Both are shown when the test fails.
    """

    def of(test: Test) -> Test:
        said, _, mend = inspect.cleandoc(test.__doc__ or "").partition("To mend it: ")
        note = f"\nBroken promise: {_line(said)}\nTo mend it: {_line(mend)}"

        @functools.wraps(test)
        async def checked(*args: Any, **given: Any) -> None:
            __tracebackhide__ = True
            try:
                await test(*args, **given)
            except (Exception, pytest.fail.Exception) as error:
                error.add_note(note)
                raise

        checked.__dict__["needs"] = needs
        marked: Test = pytest.mark.asyncio(loop_scope="function")(checked)
        return marked

    return of


def needs_of(test: object) -> tuple[Need, ...]:
    """Return what a test of the suite needs; empty if it runs on every transport."""
    return getattr(test, "needs", ())


def why_not(test: object, harness: TransportHarness) -> str:
    """Return the reason why a test does not run at a place; empty if it runs."""
    name = getattr(test, "__name__", "")
    for need in needs_of(test):
        if not need.holds(harness):
            return need.reason
    return harness.unfit.get(name, "")


def _line(text: str) -> str:
    return " ".join(text.split())
