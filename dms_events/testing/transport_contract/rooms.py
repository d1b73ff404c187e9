"""Places with little room."""

from __future__ import annotations

import pytest

from ...bus import Bus
from .harness import TransportHarness

__all__ = ["place_for", "place_of_bytes"]


def place_for(harness: TransportHarness, messages: int) -> Bus:
    """Return a bus that is full with so many messages, not open yet."""
    options = harness.room(messages=messages)
    if options is None:
        pytest.fail(
            "the transport promises an error if it is full (Guarantees.full), which is tested at a small "
            "place: let `TransportHarness.room` return the options for a few messages",
            pytrace=False,
        )
    return harness.connect(**options)


def place_of_bytes(harness: TransportHarness, size: int) -> Bus:
    """Like `place_for`, with a number of bytes; the test is skipped if there is no such limit."""
    options = harness.room(size=size)
    if options is None:
        pytest.skip("the harness has no room that is limited in bytes: `TransportHarness.room`")
    return harness.connect(**options)
