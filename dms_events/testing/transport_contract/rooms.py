"""Places with little room."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from ...bus import Bus
from ...types.elk_stats import ServiceCall
from .events import call
from .harness import TransportHarness

__all__ = ["SmallPlace", "place_for", "place_of_bytes"]

_LONG = "x" * 50_000
"""So long that names and framing beside a payload do not change how many messages fit in."""


class SmallPlace(NamedTuple):
    """A bus, not open yet, that is full with a number of the calls made here."""

    bus: Bus
    status: str

    def call(self, number: float) -> ServiceCall:
        """A call; the number tells it from others."""
        return call(number, self.status)

    def calls(self, count: int) -> list[ServiceCall]:
        """Calls with ``call_id`` 0, 1, 2, …"""
        return [self.call(float(n)) for n in range(count)]


def place_for(harness: TransportHarness, messages: int) -> SmallPlace:
    """Return a place that is full with so many messages, by a limit in messages or else in bytes."""
    options = harness.room(messages=messages)
    if options is not None:
        return SmallPlace(harness.connect(**options), "ok")
    size = len(harness.connect().prepare(call(1, _LONG)).data)
    options = harness.room(size=messages * size + size // 2)
    if options is not None:
        return SmallPlace(harness.connect(**options), _LONG)
    pytest.fail(
        "the transport promises an error if it is full (Guarantees.full), which is tested at a small "
        "place: let `TransportHarness.room` return the options for a few messages, or for a few bytes",
        pytrace=False,
    )


def place_of_bytes(harness: TransportHarness, size: int) -> Bus:
    """Return a bus that is full with so many bytes; the test is skipped if there is no such limit."""
    options = harness.room(size=size)
    if options is None:
        pytest.skip("the harness has no room that is limited in bytes: `TransportHarness.room`")
    return harness.connect(**options)
