"""Reply subjects in a reader's inbox: of its consumer, or of anybody."""

from __future__ import annotations

import pytest

from dms_events_nats.read.foreign import InboxFilter

FIRST = "$JS.ACK.DMS_EVENTS.billing.1."
DELIVERIES = [
    "$JS.ACK.DMS_EVENTS.billing.1.12.7.1700000000000000000.0",
    "$JS.ACK.DMS_EVENTS.billing.3.12.7.1700000000000000000.99",
    "$JS.ACK.hub.ACCOUNTHASH.DMS_EVENTS.billing.1.12.7.1700000000000000000.0.r4nd0m",
]
FOREIGN = [
    "",
    "some.reply",
    "$JS.ACK.DMS_EVENTS.billing.1.12.7",
    "$JS.ACK.DMS_EVENTS.billing.1.12.7.1700000000000000000.0.1",
    "$JS.ACK.DMS_EVENTS.billing.1.x.7.1700000000000000000.0",
    "$JS.ACK.DMS_EVENTS.billing.1..7.1700000000000000000.0",
    "$JS.ACK.DMS_EVENTS.billing.1.12.7.1700000000000000000.",
    "$JS.ACK.DMS_EVENTS.billing.1.-12.7.1700000000000000000.0",
    "$JS.ACK.DMS_EVENTS.billing.1.١٢.7.1700000000000000000.0",
    "$JS.ACK.DMS_EVENTS.other.1.12.7.1700000000000000000.0",
    f"$JS.ACK.{'x' * 4_000}.ACCOUNTHASH.DMS_EVENTS.billing.1.12.7.1700000000000000000.0.r4nd0m",
    "$JS.ACK.DMS_DEAD.billing.1.12.7.1700000000000000000.0",
]


@pytest.mark.parametrize("reply", DELIVERIES)
def test_a_delivery_of_the_consumer_is_one(reply: str) -> None:
    assert InboxFilter(FIRST).is_delivery(reply)


@pytest.mark.parametrize("reply", FOREIGN)
def test_anything_else_is_none(reply: str) -> None:
    found = InboxFilter(FIRST)
    assert not found.is_delivery(reply)
    assert not found.is_first(reply)
